// Warnings: each with the case beside it that does not warn; acceptances.
#include "compile_support.h"

#include "klock/klock.h"
#include "kubernetes/facts.h"

struct row {
    const char *code, *at, *warns, *does_not;
};

#define LOCK(clauses) "lock l {\n  namespace a\n" clauses "\n}\n"
#define LOCK_AS(name, clauses) "lock " name " {\n  namespace a\n" clauses "\n}\n"
// Nothing around the lock is closed, so that a row is about one way.
#define OPEN "\nguard no owners, no namespace, no crd"
#define OTHER(namespaces) "lock o {\n  resources cm\n  namespace " namespaces "\n  labels a\n  deny delete\n}\n"
#define SCALERS(namespaces)                                                                                            \
    "lock scalers {\n  resources hpa\n  namespace " namespaces "\n  all objects\n  deny create, update\n}\n"
#define SCALED "resource widgets.example.com/v1 namespaced kind Widget subresources scale\n"
#define WIDGETS "resource widgets.example.com namespaced kind Widget\n"
#define STATUS_OF "resource widgets.example.com namespaced kind Widget subresources status\n"
#define LABELS_STAY(path)                                                                                              \
    "lock s {\nresources namespaces\nall objects\ndeny update\nchanging " path "\nexempt controllers\n}\n"
#define SELECTED(labels, clauses)                                                                                      \
    "lock l {\nresources limitranges\nnamespace labeled " labels "\nrequire field spec.x = 1\n" clauses "}\n"
#define LABELED_NAMESPACES_AS(name, labels, clauses)                                                                   \
    "lock " name " {\nresources namespaces\nlabels " labels "\n" clauses "}\n"
#define LABELED_NAMESPACES(labels, clauses) LABELED_NAMESPACES_AS("n", labels, clauses)
#define TENANT "deployer group platform\ntenant a {\nnamespaces team-a\nmembers group a\nrole edit\n}\n"
#define WEBHOOK(namespace)                                                                                             \
    "webhook w.example.com validating {\nservice h/w\nca from cert-manager h/w\non create\nresources "                 \
    "limitranges\nnamespace " namespace "\n}\n"
#define LOCK_CLAIMS                                                                                                    \
    "lock c {\nresources pvc\nnamespace default\nall objects\ndeny delete\nexempt controllers\nguard owners, "         \
    "volumes\n"                                                                                                        \
    "}\n"
#define LOCK_CLAIMS_FOR(actor)                                                                                         \
    "lock c {\nresources pvc\nnamespace default\nall objects\ndeny delete\nexempt controllers\nexclusive " actor "\n}" \
    "\n"
#define SEALED "actor x = sa a/x sealed\naccept seal-leaves-open \"withheld\"\n"
#define GRANT(clauses) "grant g to user u {\n  namespace a\n" clauses "\n}\n"

// What nobody does by mistake is warned about in policies against insiders alone.
static const char for_insiders[] =
    "K0210 K0216 K0219 K0220 K0222 K0223 K0224 K0232 K0235 K0236 K0237 K0241 K0242 K0245 K0246";

static bool is_for_insiders(const char *code) {
    return strstr(for_insiders, code) != NULL;
}

static const struct row rows[] = {
    {"K0214", "cel \"\"\"has(object.spec)\"\"\"",
     LOCK("resources limitranges\nname n\ndeny create\nwhen cel \"\"\"has(object.spec)\"\"\""),
     LOCK("resources limitranges\nname n\ndeny create\nwhen cel \"\"\"request.operation == 'CREATE'\"\"\"")},
    {"K0207", "annotation x or label y", LOCK("resources cm\nrequire annotation x or label y"),
     LOCK("resources cm\nrequire not annotation x = a or label y")},
    {"K0207", "not annotation kubernetes.io/description",
     LOCK("resources cm\nrequire not annotation kubernetes.io/description"),
     LOCK("resources cm\nrequire annotation kubernetes.io/description")},
    {"K0207", "not annotation x or label y", LOCK("resources endpointslices\nrequire not annotation x or label y"),
     LOCK("resources sa\nrequire not annotation x or label y")},
    {"K0243", "namespace label x", LOCK("resources limitranges\nname n\ndeny create\nwhen namespace label x"),
     LOCK("resources limitranges\nname n\ndeny create\nwhen namespace label x\nguard namespace")},
    {"K0243", "namespace label x",
     LOCK("resources limitranges\nname n\ndeny delete\nwhen namespace label x\nguard no namespace"),
     LOCK("resources limitranges\nname n\ndeny delete\nwhen namespace label x")},
    {"K0243", "namespace label x", LOCK("resources limitranges\nname n\ndeny create\nwhen not namespace label x"),
     LOCK("resources limitranges\nname n\ndeny create\nunless namespace label x")},
    {"K0243", "namespace label x", LOCK("resources limitranges\nname n\ndeny create\nwhen namespace label x"),
     LOCK("resources limitranges\nname n\ndeny create\nwhen namespace label x") LABELS_STAY("metadata.labels[\"x\"]")},
    {"K0243", "namespace label x",
     LOCK("resources limitranges\nname n\ndeny create\nwhen namespace label x") LABELS_STAY("metadata.labels[\"y\"]"),
     LOCK("resources limitranges\nname n\ndeny create\nwhen namespace label x") LABELS_STAY("metadata.labels")},
    {"K0243", "a=b", SELECTED("a=b", ""), SELECTED("a=b", "guard namespace\n")},
    {"K0243", "a", SELECTED("!a", ""), SELECTED("kubernetes.io/metadata.name notin (x)", "")},
    {"K0243", "a", SELECTED("b, a", "") LABELS_STAY("metadata.labels.b"),
     SELECTED("a", "") LABELS_STAY("metadata.labels.a")},
    {"K0243", "a=b", SELECTED("a=b", "") LABELED_NAMESPACES("a=b", "deny delete\nexclusive user u\n"),
     SELECTED("a=b", "exclusive user u\n") LABELED_NAMESPACES("a=b", "deny delete\nexclusive user u\n")},
    {"K0243", "a=b", SELECTED("a=b", "") LABELED_NAMESPACES("a=b", "deny delete\nguard no labels\n"),
     SELECTED("a=b", "") LABELED_NAMESPACES("a=b", "deny delete\n")},
    {"K0243", "a=b", SELECTED("a=b", "") LABELED_NAMESPACES("a=c", "deny delete\n"),
     "lock l {\nresources limitranges\nnamespace labeled a=b\nall objects\ndeny create, delete\n}\n"},
    {"K0243", "a=b", WEBHOOK("labeled a=b"), WEBHOOK("b")},
    {"K0243", "a=b", WEBHOOK("labeled a=b") LABELED_NAMESPACES("a=c", "deny delete\n"),
     WEBHOOK("labeled a=b") LABELED_NAMESPACES("a=b", "deny delete\nexclusive user u\n")},
    {"K0243", "a", WEBHOOK("labeled a") LABELS_STAY("metadata.labels.b"),
     WEBHOOK("labeled a") LABELS_STAY("metadata.labels.a")},
    // Each label may have a lock of its own, and the one that is named has none.
    {"K0243", "c=d", WEBHOOK("labeled a=b, c=d") LABELED_NAMESPACES("a=b", "deny delete\n"),
     WEBHOOK("labeled a=b, c=d") LABELED_NAMESPACES("a=b", "deny delete\n")
         LABELED_NAMESPACES_AS("m", "c=d", "deny delete\n")},
    {"K0243", "c=d",
     WEBHOOK("labeled a=b, c=d") LABELED_NAMESPACES("a=b", "deny delete\n")
         LABELED_NAMESPACES_AS("m", "c=d, e=f", "deny delete\n"),
     WEBHOOK("labeled c=d, a=b, e=f") LABELED_NAMESPACES("a=b", "deny delete\n")
         LABELED_NAMESPACES_AS("m", "e=f, c=d", "deny delete\n")},
    {"K0243", "c=d", SELECTED("a=b, c=d", "") LABELED_NAMESPACES("a=b", "deny delete\n"),
     SELECTED("a=b, c=d", "") LABELED_NAMESPACES("a=b", "deny delete\n")
         LABELED_NAMESPACES_AS("m", "c=d", "deny update\n")},
    {"K0243", "c=d",
     SELECTED("a=b, c=d", "") LABELED_NAMESPACES("a=b", "deny delete\n")
         LABELED_NAMESPACES_AS("m", "c=d", "deny delete\nexclusive user u\n"),
     SELECTED("a=b, c=d", "exclusive user u\n") LABELED_NAMESPACES("a=b", "deny delete\n")
         LABELED_NAMESPACES_AS("m", "c=d", "deny delete\nexclusive user u\n")},
    // Another value is another label, unless the lock keeps all labels, or this one, where the namespace is under it.
    {"K0243", "a=b", WEBHOOK("labeled a=b") LABELED_NAMESPACES("a", "deny delete\n"),
     WEBHOOK("labeled a=b") LABELED_NAMESPACES("a", "deny update\n")},
    {"K0243", "a=b", WEBHOOK("labeled a=b") LABELED_NAMESPACES("a", "deny update\nchanging spec\n"),
     WEBHOOK("labeled a=b") LABELED_NAMESPACES("a", "deny update\nchanging metadata.labels\nguard no labels\n")},
    {"K0243", "a=b",
     WEBHOOK("labeled a=b") LABELED_NAMESPACES("a", "deny update\nchanging metadata.labels.a\nguard no labels\n"),
     WEBHOOK("labeled a=b") LABELED_NAMESPACES("a", "deny update\nchanging metadata.labels.a\n")},
    {"K0243", "a=b", WEBHOOK("labeled a=b") LABELED_NAMESPACES("a", "deny update\nexcept changing metadata\n"),
     WEBHOOK("labeled a=b") LABELED_NAMESPACES("a", "deny update\nexcept changing spec\n")},
    {"K0243", "a=b", WEBHOOK("labeled a=b") LABELED_NAMESPACES("a=b or c=d", "deny delete\n"),
     WEBHOOK("labeled a=b") LABELED_NAMESPACES("a=b or c=d", "deny update\n")},
    {"K0243", "a in (x, y)", WEBHOOK("labeled a in (x, y)") LABELED_NAMESPACES("a in (x, y, z)", "deny delete\n"),
     WEBHOOK("labeled a in (x, y)") LABELED_NAMESPACES("a in (y, x)", "deny delete\n")},
    {"K0243", "a=b", WEBHOOK("labeled a=b") LABELED_NAMESPACES("a=b", "deny delete\nwhen user like \"x*\"\n"),
     WEBHOOK("labeled a=b") LABELED_NAMESPACES("a=b", "deny delete\n")},
    {"K0243", "a=b", WEBHOOK("labeled a=b") LABELED_NAMESPACES("a=b", "name x\ndeny delete\n"),
     WEBHOOK("labeled a=b") LABELED_NAMESPACES("a=b", "deny delete\n")},
    // A label that is not to be there is kept off.
    {"K0243", "a", WEBHOOK("labeled !a") LABELED_NAMESPACES("a", "deny create, update\n"),
     WEBHOOK("labeled !a") LABELED_NAMESPACES("a", "deny create, update\nguard label-in\n")},
    {"K0243", "a", WEBHOOK("labeled !a"),
     WEBHOOK("labeled !a") LABELED_NAMESPACES("!a", "deny delete\naccept negative-selector \"known\"\n")},
    {"K0243", "a", WEBHOOK("labeled !a") LABELS_STAY("metadata.labels.b"),
     WEBHOOK("labeled !a") LABELS_STAY("metadata.labels.a")},
    {"K0243", "a != x", WEBHOOK("labeled a != x") LABELED_NAMESPACES("a=y", "deny update\nguard label-in\n"),
     WEBHOOK("labeled a != x") LABELED_NAMESPACES("a=x", "deny update\nguard label-in\n")},
    {"K0243", "klock.dev/tenant=a", WEBHOOK("labeled klock.dev/tenant=a, klock.dev/policy=other") TENANT,
     WEBHOOK("labeled klock.dev/tenant=a, klock.dev/policy=test") TENANT},
    {"K0243", "klock.dev/tenant=a", WEBHOOK("labeled klock.dev/tenant=a") TENANT,
     WEBHOOK("labeled klock.dev/policy=test, klock.dev/tenant") TENANT},
    {"K0244", "deny", STATUS_OF LOCK("resources widgets\nlabels a\ndeny update"),
     STATUS_OF LOCK("resources widgets\nlabels a\ndeny update\nexclusive sa b/x")},
    {"K0244", "deny", STATUS_OF LOCK("resources widgets\nlabels a\ndeny update\nexclusive user u"),
     STATUS_OF LOCK("resources widgets, widgets/status\nlabels a\ndeny update\nexclusive user u")},
    {"K0244", "deny", STATUS_OF LOCK("resources widgets\nlabels a\ndeny update"),
     STATUS_OF LOCK("resources widgets\nlabels a\ndeny update\nchanging spec")},
    {"K0245", "resources", LOCK("resources services\nlabels a\ndeny update"),
     LOCK("resources services, services/status\nlabels a\ndeny update")},
    {"K0245", "resources", LOCK("resources services\nlabels a\ndeny update"),
     LOCK("resources services\nlabels a\ndeny update\nchanging spec")},
    {"K0245", "resources",
     LOCK("resources services\nlabels a\ndeny update") LOCK_AS("m", "resources services/status\nlabels b\ndeny update"),
     LOCK("resources services\nlabels a\ndeny update")
         LOCK_AS("m", "resources services/status\nall objects\ndeny update")},
    {"K0201", "labels", LOCK("resources limitranges\nlabels tier != web\ndeny create"),
     LOCK("resources limitranges\nlabels tier, tier != web\ndeny create")},
    {"K0201", "labels", LOCK("resources limitranges\nlabels !a\ndeny create"),
     LOCK("resources limitranges\nlabels !a, b\ndeny create")},
    {"K0201", "annotations", LOCK("resources limitranges\nannotations a notin (b)\ndeny create"),
     LOCK("resources limitranges\nannotations a in (b)\ndeny create")},
    {"K0202", "labels", LOCK("resources limitranges\nlabels a=b, a=c\ndeny create"),
     LOCK("resources limitranges\nlabels a=b or a=c\ndeny create")},
    {"K0202", "labels", LOCK("resources limitranges\nlabels a, !a\ndeny create"),
     LOCK("resources limitranges\nlabels a, !b\ndeny create")},
    {"K0203", "labels", LOCK("resources limitranges\nlabels a or !a\ndeny create"),
     LOCK("resources limitranges\nlabels a or b\ndeny create")},
    {"K0203", "labels", LOCK("resources limitranges\nlabels a != b or a != c\ndeny create"),
     LOCK("resources limitranges\nlabels a=b or a=c\ndeny create")},
    {"K0205", "exclusive",
     LOCK("resources limitranges\nname n\ndeny create\nexclusive user u, user v")
         GRANT("resources limitranges\nallow create"),
     LOCK("resources limitranges\nname n\ndeny create\nexclusive user u") GRANT("resources limitranges\nallow create")},
    // Where nothing is granted, RBAC is somewhere else.
    {"K0205", "exclusive",
     LOCK("resources limitranges\nname n\ndeny create\nexclusive user v") GRANT("resources limitranges\nallow create"),
     LOCK("resources limitranges\nname n\ndeny create\nexclusive user v")},
    {"K0207", "deny", LOCK("resources deployments\nname n\ndeny update\nexempt lifecycle"),
     LOCK("resources deployments\nname n\ndeny update")},
    {"K0207", "deny", LOCK("resources deployments\nname n\ndeny update\nexempt none"),
     LOCK("resources deployments\nname n\ndeny update\nexempt controllers")},
    {"K0207", "deny",
     "lock l {\n  resources nodes\n  name n\n  deny update\n  changing spec.taints\n  exempt lifecycle\n}\n",
     "lock l {\n  resources nodes\n  name n\n  deny update\n  changing spec.unschedulable\n  exempt lifecycle\n}\n"},
    {"K0207", "deny",
     "lock l {\n  resources nodes\n  name n\n  deny update\n  except changing spec.unschedulable\n  exempt "
     "lifecycle\n}\n",
     "lock l {\n  resources nodes\n  name n\n  deny update\n  except changing spec\n  exempt lifecycle\n}\n"},
    {"K0208", "kube-system", "lock l {\n  resources limitranges\n  namespace kube-system\n  name n\n  deny create\n}\n",
     LOCK("resources limitranges\nname n\ndeny create")},
    {"K0209", "status.phase", LOCK("resources services\nwhere field status.phase = x\ndeny create"),
     LOCK("resources services\nwhere field spec.phase = x\ndeny create")},
    {"K0210", "resources",
     "lock l {\n  resources *.admissionregistration.k8s.io\n  cluster\n  all objects\n  deny create\n}\n",
     "lock l {\n  resources *.scheduling.k8s.io\n  cluster\n  all objects\n  deny create\n}\n"},
    {"K0211", "deny", LOCK("resources pods\nname n\ndeny delete\ncover evictions never"),
     LOCK("resources pods\nname n\ndeny delete")},
    {"K0211", "deny", LOCK("resources pods\nwhere cel \"\"\"true\"\"\"\ndeny connect\naccept K0214"),
     LOCK("resources pods\nlabels a\ndeny connect")},
    {"K0211", "deny", LOCK("resources deployments\nname n\ndeny update\ncover scale never"),
     LOCK("resources deployments\nname n\ndeny update")},
    {"K0211", "changing", SCALED LOCK("resources widgets\nname n\ndeny update\nchanging spec.size"),
     SCALED LOCK("resources widgets\nname n\ndeny update\nchanging spec.size")
         LOCK_AS("m", "resources widgets\nname n\ndeny scale")},
    {"K0211", "require", SCALED LOCK("resources widgets\nlabels a\nrequire field spec.size <= 3"),
     SCALED LOCK("resources widgets\nlabels a\ndeny scale\nrequire field spec.size <= 3")},
    {"K0215", "deny", LOCK("resources pods\nlabels a\ndeny delete\nguard no owners"),
     LOCK("resources pods\nlabels a\ndeny delete")},
    {"K0216", "resources", LOCK("resources daemonsets\nlabels a\ndeny delete"),
     LOCK("resources daemonsets\nlabels a\ndeny update, delete\ncascade\naccept K0236")},
    {"K0217", "resources", LOCK("resources widgets\nlabels a\ndeny delete\nguard no crd") WIDGETS,
     LOCK("resources widgets\nlabels a\ndeny delete") WIDGETS},
    // The guard of another definition is none of this one.
    {"K0217", "resources",
     LOCK("resources widgets\nlabels a\ndeny delete\nguard no crd") WIDGETS
     "lock m {\n  resources gadgets\n  namespace a\n  labels a\n  deny delete\n}\n"
     "resource gadgets.example.com namespaced kind Gadget\n",
     LOCK("resources widgets\nlabels a\ndeny delete\nguard no crd") WIDGETS
     "lock m {\n  resources *.example.com\n  namespace a\n  labels a\n  deny delete\n  guard crd\n}\n"},
    {"K0222", "deny", LOCK("resources pods, deployments\nlabels a\ndeny update\nguard owners\naccept K0245"),
     LOCK("resources pods, deployments\nlabels a\ndeny update\nguard owners\naccept K0245") SCALERS("a")},
    {"K0218", "namespace", LOCK("resources configmaps\nlabels a\ndeny delete\nguard no namespace"),
     LOCK("resources configmaps\nlabels a\ndeny delete")},
    {"K0218", "namespace", LOCK("resources configmaps\nlabels a\ndeny delete\nguard none\naccept K0215"),
     LOCK("resources configmaps\nlabels a\ndeny delete\nguard namespace")},
    {"K0218", "namespace", LOCK("resources configmaps\nlabels a\ndeny delete\nguard no namespace") OTHER("b, c"),
     LOCK("resources configmaps\nlabels a\ndeny delete\nguard no namespace") OTHER("b, a")},
    {"K0219", "exclusive",
     LOCK("resources limitranges\nname n\ndeny create\nexclusive x\nguard no accounts") "actor x = sa a/x\n",
     LOCK("resources limitranges\nname n\ndeny create\nexclusive x\nguard no accounts") SEALED},
    {"K0219", "exclusive",
     LOCK("resources limitranges\nname n\ndeny create\nexclusive x\nguard no accounts") "actor x = sa a/x\n",
     LOCK("resources limitranges\nname n\ndeny create\nexclusive x") "actor x = sa a/x\n"},
    {"K0219", "break-glass", LOCK("resources limitranges\nname n\ndeny create\nbreak-glass sa a/x"),
     LOCK("resources limitranges\nname n\ndeny create\nbreak-glass sa a/x") SEALED},
    {"K0219", "exclusive", LOCK("resources limitranges\nname n\ndeny create\nexclusive serviceaccounts a"),
     LOCK("resources limitranges\nname n\ndeny create\nexclusive serviceaccounts a") "actor x = serviceaccounts a "
                                                                                     "sealed\naccept K0220 "
                                                                                     "\"withheld\"\n"},
    {"K0219", "exclusive", LOCK("resources limitranges\nname n\ndeny create\nexclusive sa a/x with extra k = v"),
     LOCK("resources limitranges\nname n\ndeny create\nexclusive sa a/x with extra k = v") SEALED},
    {"K0219", "x", "actor x = sa a/x sealed by sa b/y\naccept K0220 \"withheld\"\n",
     "actor x = sa a/x sealed by user y\naccept K0220 \"withheld\"\n"},
    {"K0220", "sealed", "actor x = sa a/x sealed\n", SEALED},
    {"K0235", "resources", LOCK("resources pvc\nlabels a\ndeny delete"),
     LOCK("resources pvc\nlabels a\ndeny delete\nguard volumes")},
    {"K0236", "deny", LOCK("resources pods\nname n\ndeny delete"),
     LOCK("resources pods\nname n\ndeny delete\nexempt lifecycle\naccept K0207, K0215, K0237")},
    {"K0237", "deny", LOCK("resources endpointslices\nname n\ndeny update"),
     LOCK("resources endpointslices\nname n\ndeny update\nexempt lifecycle\naccept K0207")},
    {"K0238", "cascade", LOCK("resources deployments\nlabels a\ndeny delete\ncascade"),
     LOCK("resources deployments\nlabels a\ndeny update, delete\ncascade")},
    {"K0226", "resources", "lock l {\nresources pv\nlabels a\ndeny delete\n}\n",
     "lock l {\nresources pv\nlabels a\ndeny delete\n}\n" LOCK_CLAIMS},
    {"K0225", "resourceclaims", LOCK("resources resourceclaims\nname n\ndeny update\nchanging spec"),
     LOCK("resources resourceclaims.resource.k8s.io/v1beta1\nname n\ndeny update\nchanging spec")},
    {"K0225", "certificates", LOCK("resources certificates\nname n\ndeny update\nchanging spec"),
     LOCK("resources certificates/v1\nname n\ndeny update\nchanging spec")},
    {"K0225", "certificates", LOCK("resources certificates\nname n\nrequire field spec.size < 3"),
     LOCK("resources certificates/v1\nname n\nrequire field spec.size < 3")},
    {"K0225", "machinepools", LOCK("resources machinepools\nlabels a\ndeny scale"),
     LOCK("resources machinepools\nname n\ndeny scale")},
    {"K0224", "deny", LOCK("resources limitranges\nname n\ndeny delete\nguard no owners, no controllers\naccept K0215"),
     LOCK("resources limitranges\nname n\ndeny delete\nguard no owners\naccept K0215")},
    {"K0224", "deny", LOCK("resources limitranges\nname n\ndeny delete\nguard no owners, no controllers\naccept K0215"),
     LOCK("resources limitranges\nname n\ndeny delete\nguard no controllers")},
    {"K0224", "deny", LOCK("resources limitranges\nname n\ndeny delete\nguard no owners, no controllers\naccept K0215"),
     LOCK("resources limitranges\nname n\ndeny update\nguard no controllers")},
    {"K0224", "deny", LOCK("resources deployments\nlabels a\ndeny update\nguard no controllers\naccept K0222"),
     LOCK("resources deployments\nlabels a\ndeny update\nguard no controllers\nexempt none\naccept K0207")},
    {"K0241", "break-glass", LOCK("resources limitranges\nname n\ndeny create\nbreak-glass group g"),
     LOCK("resources limitranges\nname n\ndeny create\nbreak-glass group g\nguard certificates")},
    {"K0241", "exclusive", LOCK("resources limitranges\nname n\ndeny create\nexclusive user u and group g"),
     LOCK("resources limitranges\nname n\ndeny create\nexclusive sa b/x")},
    {"K0241", "exclusive", LOCK("resources limitranges\nname n\ndeny create\nexclusive user u"),
     LOCK("resources limitranges\nname n\ndeny create\nexclusive user u, x") SEALED},
    {"K0242", "deny", "lock l {\nresources csr/approval\nall objects\ndeny update\n}\n",
     "lock l {\nresources csr/approval\nall objects\ndeny update\n}\n"
     "lock m {\nresources csr\nall objects\ndeny create\n}\n"},
    {"K0221", "guard",
     LOCK("resources configmaps\nname n\ndeny update\nexclusive user u\nguard rbac") GRANT("resources cm\nallow get"),
     "deployer user d\n" LOCK("resources configmaps\nname n\ndeny update\nexclusive user u\nguard rbac")
         GRANT("resources cm\nallow get")},
    {"K0222", "deny", LOCK("resources deployments\nlabels a\ndeny update"),
     LOCK("resources deployments, hpa\nall objects\ndeny create, update")},
    {"K0223", "exclusive", LOCK("resources limitranges\nname n\ndeny create\nexclusive may unlock"),
     LOCK("resources limitranges\nname n\ndeny create\nexclusive user u\naccept K0241")},
    {"K0232", "*", LOCK("resources *\nexcept resources leases\nlabels a\ndeny update\naccept K0222, K0237"),
     LOCK("resources *\nexcept resources leases, events\nlabels a\ndeny update\naccept K0222, K0237")},
    {"K0307", "g", "grant g to user u {\n  resources validatingadmissionpolicies\n  allow patch\n}\n",
     "grant g to user u {\n  resources validatingadmissionpolicies\n  allow get\n}\n"},
    {"K0302", "g", GRANT("resources roles\nallow bind"), GRANT("resources roles\nallow get")},
    {"K0302", "g", GRANT("resources roles\nallow escalate"), GRANT("resources roles\nallow update")},
    {"K0302", "g",
     LOCK("resources limitranges\nname n\ndeny create\nexclusive user b\naccept K0205") "grant g to user u {\n  may "
                                                                                        "impersonate user b\n}\n",
     LOCK("resources limitranges\nname n\ndeny create\nexclusive user b\naccept K0205") "grant g to user u {\n  may "
                                                                                        "impersonate user c\n}\n"},
    {"K0302", "g", "grant g to user u {\n  role cluster-admin\n  namespace a\n}\n",
     "grant g to user u {\n  role admin\n  namespace a\n}\n"},
    {"K0302", "g",
     LOCK("resources limitranges\nname n\ndeny create\nexclusive sa a/x\naccept K0205")
         GRANT("resources pods\nallow create"),
     LOCK("resources limitranges\nname n\ndeny create\nexclusive sa b/x\naccept K0205")
         GRANT("resources pods\nallow create")},
    {"K0303", "sa a/default", LOCK("resources limitranges\nname n\ndeny create\nexclusive sa a/default"),
     LOCK("resources limitranges\nname n\ndeny create\nexclusive sa a/other")},
    {"K0303", "group \"system:authenticated\"",
     "grant g to group \"system:authenticated\" {\n  resources limitranges\n  namespace a\n  allow "
     "get\n}\n",
     GRANT("resources limitranges\nallow get")},
    {"K0306", "g",
     LOCK("resources secrets\nname n\ndeny create\nexclusive user v") GRANT("resources secrets\nallow get"),
     LOCK("resources secrets\nname n\ndeny create\nexclusive user u") GRANT("resources secrets\nallow get")},
};

static struct compilation *compile_against(void **state, const char *who, const char *text) {
    return compile(state, arena_printf(arena_of(state), "policy test against %s\n%s", who, text));
}

static struct compilation *compile_row(void **state, const char *code, const char *text) {
    return compile_against(state, is_for_insiders(code) ? "insiders" : "accidents", text);
}

static void every_warning_arises_and_the_case_beside_it_is_quiet(void **state) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct compilation *compilation = compile_row(state, rows[i].code, rows[i].warns);
        assert_no_errors(compilation);
        if (count_of(compilation, rows[i].code) != 1) print_message("%s", rows[i].warns);
        assert_reports(compilation, rows[i].code, rows[i].at);
        compilation = compile_row(state, rows[i].code, rows[i].does_not);
        assert_no_errors(compilation);
        // Users pass many of these locks, which is said once a policy.
        const size_t once = strcmp(rows[i].code, "K0241") != 0 ? count_of(compilation, "K0241") : 0;
        if (compilation->diags.count != once) print_message("%s", rows[i].does_not);
        assert_int_equal(compilation->diags.count, once);
    }
}

static void accidents_raise_no_warnings_about_insiders(void **state) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!is_for_insiders(rows[i].code)) continue;
        assert_silent(compile_against(state, "accidents", rows[i].warns), rows[i].code);
        assert_silent(compile(state, rows[i].warns), rows[i].code);
    }
}

static void insiders_raise_the_warnings_about_accidents_too(void **state) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_reports(compile_against(state, "insiders", rows[i].warns), rows[i].code, rows[i].at);
}

// What another lock closes, it must close for all that the lock holds.
static const struct {
    const char *code;
    bool arises;
    const char *text;
} surroundings[] = {
#define CMS LOCK("resources cm\nall objects\ndeny delete\nguard no namespace")
#define NAMESPACES(clauses) "lock b {\n  resources namespaces\n" clauses "\n}\n"
    {"K0218", true, CMS NAMESPACES("all objects\ndeny create")},
    {"K0218", true, CMS NAMESPACES("all objects\ndeny update")},
    {"K0218", true, CMS NAMESPACES("all objects\ndeny delete\nmode warn")},
    {"K0218", true, CMS NAMESPACES("all objects\ndeny delete\nunless label free")},
    {"K0218", true, CMS NAMESPACES("labels prot\ndeny delete")},
    {"K0218", true, CMS NAMESPACES("name b\ndeny delete")},
    {"K0218", true, CMS "lock b {\n  resources *\n  cluster\n  labels prot\n  deny delete\n}\n"},
    {"K0218", true, CMS "lock b {\n  resources *\n  except resources ns\n  cluster\n  all objects\n  deny delete\n}\n"},
    {"K0218", true, CMS LOCK_AS("b", "resources *\nall objects\ndeny delete\nguard no namespace")},
    {"K0218", false, CMS LOCK_AS("b", "resources *\nall objects\ndeny delete")},
    {"K0218", true, LOCK("resources *\nall objects\ndeny write\nexempt controllers" OPEN)},
    {"K0218", true, "lock l {\n  resources cm\n  namespace *\n  all objects\n  deny delete" OPEN "\n}\n" OTHER("b")},
    {"K0218", true,
     "lock l {\n  resources cm\n  namespace labeled x=y\n  all objects\n  deny delete" OPEN "\n}\n" OTHER("b")},
    {"K0218", true, "lock l {\n  resources cm\n  namespace a, b\n  all objects\n  deny delete" OPEN "\n}\n" OTHER("b")},
    {"K0218", true,
     "object o {\n  resources cm\n  namespace a\n}\nobject p {\n  resources secrets\n  namespace b\n}\n"
     "lock l on o, p {\n  all objects\n  deny delete" OPEN "\n}\n" OTHER("b")},
    {"K0218", false,
     "object o {\n  resources cm\n  namespace a\n}\nobject p {\n  resources secrets\n  namespace b\n}\n"
     "lock l on o, p {\n  all objects\n  deny delete" OPEN "\n}\n" OTHER("a, b")},
    {"K0218", false,
     "object o {\n  resources cm\n  namespace default\n}\nobject p {\n  resources secrets\n  namespace kube-public\n}\n"
     "lock l on o, p {\n  all objects\n  deny delete" OPEN "\n}\n"},
    {"K0218", false, CMS NAMESPACES("all objects\ndeny delete")},
    {"K0218", false, CMS NAMESPACES("name a, b\ndeny delete")},
    {"K0218", false, CMS NAMESPACES("where name = a or label prot\ndeny delete")},
    {"K0218", false, CMS "lock b {\n  resources *\n  cluster\n  all objects\n  deny delete\n}\n"},
    {"K0218", false,
     "lock l {\n  resources cm\n  namespace labeled x=y\n  all objects\n  deny delete" OPEN
     "\n}\n" NAMESPACES("labels x=y\ndeny delete")},
// Everybody who passes the other lock must pass this one.
#define KEPT(clauses) LOCK("resources cm\nall objects\ndeny delete\nguard no namespace\n" clauses)
#define SPACES(clauses) NAMESPACES("all objects\ndeny delete\n" clauses)
    {"K0218", true, KEPT("exclusive user u") SPACES("exclusive user v")},
    {"K0218", true, KEPT("exclusive user u") SPACES("exclusive user u, user v")},
    {"K0218", true, KEPT("exclusive user u") SPACES("break-glass group u")},
    {"K0218", true, KEPT("break-glass user u") SPACES("exclusive user u")},
    {"K0218", true, KEPT("exclusive user u") SPACES("exclusive may unlock")},
    {"K0218", true, KEPT("exclusive may unlock") SPACES("exclusive may unlock")},
    {"K0218", true, KEPT("exclusive sa b/x") SPACES("exclusive serviceaccounts b")},
    {"K0218", true, KEPT("exempt none") SPACES("guard no owners")},
    {"K0218", true, KEPT("") SPACES("on error allow")},
    {"K0218", true, KEPT("exclusive user u and group g") SPACES("exclusive user u")},
    {"K0218", true, KEPT("") NAMESPACES("labels kept\ndeny delete\nguard none")},
    {"K0218", false, KEPT("exclusive user u, user v") SPACES("exclusive user v")},
    {"K0218", false, KEPT("exclusive user u") SPACES("break-glass user u")},
    {"K0218", false, KEPT("exclusive serviceaccounts b") SPACES("exclusive sa b/x")},
    {"K0218", false, KEPT("exclusive user u") SPACES("exclusive user u and group g")},
    {"K0218", false, KEPT("exempt none") SPACES("")},
    {"K0218", false, KEPT("on error allow") SPACES("on error allow")},
    {"K0226", true,
     "lock l {\n  resources pv\n  all objects\n  deny delete\n  exclusive user u" OPEN
     "\n}\n" LOCK_CLAIMS_FOR("user v")},
    {"K0226", false,
     "lock l {\n  resources pv\n  all objects\n  deny delete\n  exclusive user u\n  exempt controllers" OPEN "\n}\n" //
     LOCK_CLAIMS_FOR("user u")},
#define PODS LOCK("resources pods\nlabels a\ndeny delete\nexempt controllers" OPEN)
    {"K0215", true, PODS LOCK_AS("b", "resources deployments\nlabels b\ndeny delete")},
    {"K0215", true, PODS LOCK_AS("b", "resources deployments\nlabels a\ndeny update")},
    {"K0215", true, PODS LOCK_AS("b", "resources deployments\nlabels a\ndeny delete\nexclusive user u")},
    {"K0215", true, PODS "lock b {\n  resources *\n  cluster\n  all objects\n  deny delete\n}\n"},
    {"K0215", true, PODS LOCK_AS("b", "resources *\nlabels b\ndeny delete")},
    {"K0215", true, PODS "lock b {\n  resources deployments\n  namespace b\n  all objects\n  deny delete\n}\n"},
    // Replica sets are owned themselves.
    {"K0215", true, LOCK("resources pods, replicasets\nlabels a\ndeny delete\nexempt controllers" OPEN)},
    {"K0215", true,
     LOCK("resources *\nexcept resources *.apps, *.batch, rc\nlabels a\ndeny delete\nexempt controllers" OPEN)},
    {"K0215", true, LOCK("resources pods\nall objects\ndeny delete\nexempt controllers\nguard owners")},
    {"K0215", true,
     LOCK("resources pods\nlabels statefulset.kubernetes.io/pod-name=db-0\ndeny delete\nexempt controllers\nguard "
          "owners")},
    {"K0215", true, LOCK("resources pods\nlabels a, pod-template-hash\ndeny delete\nexempt controllers\nguard owners")},
    {"K0215", false, LOCK("resources pods\nlabels a or job-name=b\ndeny delete\nexempt controllers\nguard owners")},
    {"K0215", false, LOCK("resources pods\nlabels a, !job-name\ndeny delete\nexempt controllers\nguard owners")},
    // Controllers that pass delete pods when the workload changes.
    {"K0215", true, PODS LOCK_AS("b", "resources deployments\nlabels a\ndeny delete")},
    {"K0215", false, PODS LOCK_AS("b", "resources deployments\nlabels a\ndeny update, delete")},
    {"K0215", false, PODS LOCK_AS("b", "resources deployments\nall objects\ndeny update, delete\nchanging spec")},
    {"K0215", false, PODS "lock b {\n  resources *\n  namespace *\n  all objects\n  deny update, delete\n}\n"},
    {"K0215", false,
     LOCK("resources pods\nlabels a\ndeny delete" OPEN "\nexempt lifecycle")
         LOCK_AS("b", "resources deployments\nlabels a\ndeny delete")},
    // What else has an owner goes with it, unless the garbage collector is refused.
    {"K0215", true, LOCK("resources cm, pods\nname n\ndeny delete" OPEN "\nexempt lifecycle")},
    {"K0215", true, LOCK("resources pvc\nlabels a\ndeny delete\nexempt controllers" OPEN)},
    {"K0215", true, "lock l {\n  resources nodes\n  name n\n  deny delete" OPEN "\n  exempt lifecycle\n}\n"},
    {"K0215", true, WIDGETS LOCK("resources widgets\nlabels a\ndeny delete" OPEN "\nexempt lifecycle")},
    {"K0215", false, LOCK("resources cm\nname n\ndeny delete\nguard owners\nexempt lifecycle")},
    {"K0215", false, LOCK("resources cm\nname n\ndeny delete\nexempt none" OPEN)},
    {"K0215", false, LOCK("resources cm\nname n\ndeny update\nexempt lifecycle")},
    {"K0215", false, "lock l {\n  resources nodes\n  name n\n  deny delete\n  guard owners\n  exempt lifecycle\n}\n"},
#define CLAIMS(clauses) LOCK("resources pvc\nlabels a\ndeny delete\nguard no owners\n" clauses)
#define VOLUMES(clauses) "lock v {\n  resources pv\n  all objects\n  exempt controllers\n" clauses "\n}\n"
    {"K0235", true, CLAIMS("")},
    {"K0235", true, CLAIMS("") VOLUMES("deny delete")},
    {"K0235", true, CLAIMS("exclusive user u") VOLUMES("deny update, delete\nexclusive user v")},
    {"K0235", true, LOCK("resources *\nlabels a\ndeny delete" OPEN)},
    {"K0235", false, LOCK("resources pvc\nlabels a\ndeny delete\nguard no owners, volumes")},
    {"K0235", false, CLAIMS("") VOLUMES("deny update, delete")},
    {"K0235", false, CLAIMS("exclusive user u") VOLUMES("deny update, delete\nexclusive user u")},
    {"K0236", true, LOCK("resources pods\nname n\ndeny delete\nexempt controllers" OPEN)},
    {"K0236", true, LOCK("resources pods\nlabels a\ndeny delete\nexempt controllers\nguard owners")},
    {"K0236", true, LOCK("resources jobs\nlabels a\ndeny delete\nexempt controllers" OPEN)},
    {"K0236", true, LOCK("resources deployments\nlabels a\ndeny update, delete\nexempt controllers\ncascade" OPEN)},
    {"K0236", true, PODS LOCK_AS("b", "resources pods\nlabels b\ndeny create, update\nexempt controllers")},
    {"K0236", false, LOCK("resources pods\nlabels a\ndeny delete" OPEN "\nexempt lifecycle")},
    {"K0236", false, LOCK("resources pods\nlabels a\ndeny update\nexempt controllers")},
    {"K0236", false, PODS LOCK_AS("b", "resources pods\nall objects\ndeny create, update\nexempt controllers")},
    {"K0236", false, LOCK("resources *\nall objects\ndeny write\nexempt controllers" OPEN)},
#define NODES(clauses) "lock b {\n  resources nodes\n  all objects\n" clauses "\n}\n"
    {"K0237", true, LOCK("resources pods\nname n\ndeny delete" OPEN "\nexempt lifecycle")},
    {"K0237", true, LOCK("resources pods\nname n\ndeny delete\nexempt controllers" OPEN) NODES("deny write")},
    {"K0237", true, LOCK("resources pods\nname n\ndeny delete" OPEN "\nexempt lifecycle") NODES("deny delete")},
    {"K0237", true, LOCK("resources endpointslices\nname n\ndeny update\nexempt controllers")},
    {"K0237", true, "lock l {\n  resources clusterroles\n  name n\n  deny update\n  exempt controllers\n}\n"},
    {"K0237", false, LOCK("resources pods\nname n\ndeny delete\nexempt none" OPEN)},
    {"K0237", false,
     LOCK("resources pods\nname n\ndeny delete" OPEN "\nexempt lifecycle") NODES("deny write\n  exempt lifecycle")},
    {"K0237", false, LOCK("resources endpointslices\nname n\ndeny update\nexempt lifecycle")},
    {"K0237", false,
     "lock l {\n  resources clusterroles\n  all objects\n  deny write\n  exempt controllers" OPEN "\n}\n"},
    {"K0237", false, LOCK("resources cm\nname n\ndeny delete\nexempt controllers" OPEN)},
    {"K0238", true, LOCK("resources deployments\nlabels a\ndeny delete\nexempt controllers\ncascade" OPEN)},
    {"K0238", true, LOCK("resources statefulsets\nlabels a\ndeny delete, scale\nexempt controllers\ncascade" OPEN)},
    {"K0238", false, LOCK("resources deployments\nlabels a\ndeny update, delete\nexempt controllers\ncascade" OPEN)},
    {"K0238", false, LOCK("resources deployments\nlabels a\ndeny delete\nexempt controllers" OPEN)},
    {"K0215", true, LOCK("resources jobs\nlabels a\ndeny delete\nexempt controllers" OPEN)},
    {"K0215", false, LOCK("resources jobs\nlabels a\ndeny delete\nexempt controllers\nguard owners")},
    {"K0215", false, LOCK("resources replicasets\nlabels a\ndeny delete\nexempt controllers\nguard owners")},
    {"K0215", true, LOCK("resources pods, deployments\nall objects\ndeny delete\nexempt controllers" OPEN)},
    {"K0215", true, LOCK("resources *\nname n\ndeny delete\nexempt controllers" OPEN)},
    {"K0215", true, LOCK("resources *\nall objects\ndeny delete\nexempt controllers" OPEN)},
    {"K0215", false, LOCK("resources *\nall objects\ndeny update, delete\nexempt controllers\nguard owners")},
#define SETS LOCK("resources statefulsets\nlabels a\ndeny delete\nexempt controllers" OPEN)
    {"K0216", true, SETS LOCK_AS("b", "resources pods\nlabels b\ndeny delete")},
    {"K0216", true, SETS LOCK_AS("b", "resources pods\nlabels a\ndeny update")},
    {"K0216", true, SETS LOCK_AS("b", "resources pods\nlabels a\ndeny delete\nbreak-glass user u")},
    {"K0216", true, LOCK("resources *.apps\nall objects\ndeny delete\nexempt controllers" OPEN)},
    {"K0216", false, SETS LOCK_AS("b", "resources pods\nlabels a\ndeny delete")},
    {"K0216", false, SETS LOCK_AS("b", "resources pods\nall objects\ndeny delete")},
#define GADGETS WIDGETS LOCK("resources widgets\nlabels a\ndeny delete" OPEN)
    {"K0217", true, GADGETS "lock b {\n  resources crds\n  labels a\n  deny delete\n}\n"},
    {"K0217", true, GADGETS "lock b {\n  resources crds\n  name x.example.com\n  deny delete\n}\n"},
    {"K0217", true, GADGETS "lock b {\n  resources crds\n  all objects\n  deny create\n}\n"},
    {"K0217", true, GADGETS "lock b {\n  resources crds\n  all objects\n  deny delete\n  exclusive user u\n}\n"},
    {"K0217", true, WIDGETS LOCK("resources *.example.com\nall objects\ndeny delete" OPEN)},
    {"K0217", false, LOCK("resources *.apps\nall objects\ndeny delete" OPEN)},
    {"K0217", false, GADGETS "lock b {\n  resources crds\n  name widgets.example.com\n  deny delete\n}\n"},
    {"K0217", false, GADGETS "lock b {\n  resources crds\n  all objects\n  deny delete\n}\n"},
#define WEB LOCK("resources deployments\nlabels a\ndeny update\nexempt controllers")
    {"K0222", true, LOCK("resources deployments, hpa\nall objects\ndeny update, delete\nexempt controllers" OPEN)},
    {"K0222", true, LOCK("resources deployments, hpa\nlabels a\ndeny write\nexempt controllers" OPEN)},
    {"K0222", true, WEB SCALERS("b")},
    {"K0222", true, WEB SCALERS("a\n  exclusive user u")},
    {"K0222", true, WEB LOCK_AS("b", "resources hpa\nall objects\ndeny create")},
    {"K0222", true, WEB LOCK_AS("b", "resources hpa\nall objects\ndeny create, update\nchanging spec.minReplicas")},
    {"K0222", true, WEB "lock b {\n  resources *\n  cluster\n  all objects\n  deny write\n}\n"},
    {"K0222", false, LOCK("resources deployments\nname n\ndeny update\nexempt controllers")},
    {"K0222", false, WEB SCALERS("a, b")},
    {"K0222", false, WEB SCALERS("*")},
    {"K0222", false, WEB LOCK_AS("b", "resources hpa\nall objects\ndeny create, update\nchanging spec")},
    {"K0222", false,
     WEB LOCK_AS("b", "resources hpa\nall objects\ndeny create")
         LOCK_AS("c", "resources hpa\nall objects\ndeny update")},
    {"K0207", true, LOCK("resources *\nall objects\ndeny delete" OPEN "\nexempt lifecycle")},
    {"K0207", true, LOCK("resources *.apps\nall objects\ndeny update\nexempt lifecycle")},
    {"K0207", true, "lock l {\n  resources csinodes\n  name n\n  deny update\n  exempt lifecycle\n}\n"},
    {"K0207", true, LOCK("resources pvc\nall objects\ndeny update\nexempt lifecycle")},
    {"K0207", true, LOCK("resources pods\nall objects\ndeny update\nexempt none")},
    {"K0207", true,
     "lock l {\n  namespace kube-public\n  resources cm\n  name cluster-info\n  deny update\n  exempt lifecycle\n}\n"},
    {"K0207", true, "lock l {\n  resources csr\n  all objects\n  deny create\n  exempt lifecycle\n}\n"},
    {"K0207", true, "lock l {\n  resources servicecidrs\n  all objects\n  deny update\n  exempt lifecycle\n}\n"},
    {"K0207", false, LOCK("resources pvc\nall objects\ndeny delete" OPEN "\nexempt lifecycle")},
    {"K0207", false, LOCK("resources cm\nname cluster-info\ndeny update\nexempt lifecycle")},
    {"K0207", false, LOCK("resources jobs\nlabels a\ndeny update\nexempt lifecycle")},
    {"K0207", false, LOCK("resources secrets\nlabels a\ndeny delete" OPEN "\nexempt lifecycle")},
    {"K0207", false, LOCK("resources *.autoscaling\nall objects\ndeny delete" OPEN "\nexempt lifecycle")},
#define NEW_PODS(clauses) LOCK("resources pods\n" clauses)
    // What controllers make has to satisfy a requirement, and what is there may stay as it is.
    {"K0207", true, NEW_PODS("require label team")},
    {"K0207", true, NEW_PODS("require label team\nexempt controllers")},
    {"K0207", true, NEW_PODS("labels a\nrequire all spec.containers as c ( c.image like \"reg/*\" )")},
    {"K0207", true, NEW_PODS("require user = alice or group admins\nexempt controllers")},
    {"K0207", true, NEW_PODS("deny create\nrequire label team")},
    {"K0207", false, NEW_PODS("require label team\nmode warn")},
    {"K0207", false, NEW_PODS("require label team or user like \"system:*\"")},
    {"K0207", false, NEW_PODS("require label team or group \"system:serviceaccounts:kube-system\"")},
    {"K0207", false, NEW_PODS("require label team or operation in (create)")},
    {"K0207", false, NEW_PODS("name p\nrequire label team\nexclusive sa kube-system/statefulset-controller")},
    {"K0207", false, NEW_PODS("require label team\nexclusive group \"system:serviceaccounts\"")},
    {"K0207", false, NEW_PODS("require not old field spec.nodeName\nexempt controllers")},
    {"K0207", false, "lock l {\n  resources nodes\n  require label kubernetes.io/hostname\n  exempt lifecycle\n}\n"},
    {"K0207", true, "lock l {\n  resources nodes\n  require label pool\n  exempt lifecycle\n}\n"},
    {"K0207", false, LOCK("resources deployments, services\nrequire label team\nexempt lifecycle")},
    {"K0207", true, LOCK("resources jobs\nrequire label team\nexempt lifecycle")},
    {"K0207", true, LOCK("resources endpointslices\nrequire label team\nexempt lifecycle")},
    {"K0207", false, LOCK("resources endpoints\nrequire label team or user like \"system:*\"\nexempt lifecycle")},
    // What is asked of the writer is asked of every update as well.
    {"K0207", true, LOCK("resources deployments\nrequire user = alice\nexempt lifecycle")},
    {"K0207", false, LOCK("resources deployments\nrequire user = alice\nexempt controllers")},
    {"K0207", false, LOCK("resources deployments\nrequire user = alice or label team\nexempt lifecycle")},
#undef NEW_PODS
};

static void a_way_is_closed_only_by_a_lock_that_closes_it(void **state) {
    for (size_t i = 0; i < sizeof surroundings / sizeof *surroundings; i++) {
        const struct compilation *compilation = compile_against(state, "insiders", surroundings[i].text);
        assert_no_errors(compilation);
        size_t count = 0;
        for (size_t j = 0; j < compilation->diags.count; j++) {
            const struct diagnostic *diagnostic = &compilation->diags.items[j];
            count += strcmp(diag_info(diagnostic->code)->code, surroundings[i].code) == 0 &&
                     strstr(diagnostic->message, "'l'");
        }
        if (count != surroundings[i].arises) print_message("%s %s", surroundings[i].code, surroundings[i].text);
        assert_int_equal(count, surroundings[i].arises);
    }
}

// Where the block ends that the warning of the row points into; NULL if that is an actor, which has no block.
static const char *end_of_block(const struct row *row) {
    if (strncmp(row->warns, "actor", 5) == 0) return NULL;
    const bool first = strncmp(row->code, "K02", 3) == 0 || strstr(row->warns, "exclusive sa a/default");
    return first ? strchr(row->warns, '}') : strrchr(row->warns, '}');
}

static void every_warning_in_a_block_can_be_accepted(void **state) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *end = end_of_block(&rows[i]);
        if (!end) continue;
        const char *accepted = arena_printf(arena_of(state), "%.*s  accept %s \"known\"\n%s",
                                            (int)(end - rows[i].warns), rows[i].warns, rows[i].code, end);
        const struct compilation *compilation = compile_row(state, rows[i].code, accepted);
        if (count_of(compilation, rows[i].code)) print_message("%s", accepted);
        assert_silent(compilation, rows[i].code);
        assert_silent(compilation, "K0212");
    }
}

// By its name or its number, wherever in the policy it arises.
static void every_warning_can_be_accepted_for_the_policy(void **state) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *names[] = {rows[i].code, diag_find(rows[i].code)->name};
        for (size_t j = 0; j < 2; j++) {
            const char *accepted = arena_printf(arena_of(state), "%s\naccept %s \"known\"\n", rows[i].warns, names[j]);
            const struct compilation *compilation = compile_row(state, rows[i].code, accepted);
            assert_no_errors(compilation);
            assert_silent(compilation, rows[i].code);
            assert_silent(compilation, "K0212");
        }
    }
}

#define ODD(name) "lock " name " {\n  resources limitranges\n  namespace a\n  labels !" name "\n  deny create\n}\n"

static void an_acceptance_of_nothing_is_reported(void **state) {
    assert_reports_only(compile(state, LOCK("resources limitranges\nname n\ndeny create\naccept K0201")), "K0212",
                        "K0201");
    assert_reports_only(
        compile(state, LOCK("resources limitranges\nlabels !a\ndeny create\naccept negative-selector, K0207")), "K0212",
        "K0207");
    assert_reports_only(
        compile(state, LOCK("resources limitranges\nname n\ndeny create") "accept starves-controller\n"), "K0212",
        "starves-controller");
    // What is accepted in the block is accepted there, whatever the file says.
    assert_clean(compile(state, LOCK("resources limitranges\nlabels !a\ndeny create\naccept K0201") "accept K0201\n"));
    assert_reports_only(compile(state, GRANT("resources limitranges\nallow get\naccept K0302")), "K0212", "K0302");
    assert_reports(compile(state, "object o {\n  resources cm\n  namespace a\n  name n\n  accept K0201\n}\n"), "K0212",
                   "K0201");
}

static void only_warnings_can_be_accepted(void **state) {
    static const char *const words[] = {"K9999", "K0101", "unknown-name", "reads-stay-open", "K0206", "everything"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct arena *arena = arena_of(state);
        assert_reports_only(compile(state, arena_printf(arena, "%saccept %s \"r\"\n", ODD("l"), words[i])), "K0107",
                            words[i]);
        assert_reports_only(
            compile(state, arena_printf(arena,
                                        "lock l {\n  resources limitranges\n  namespace a\n  labels a\n  deny "
                                        "create\n  accept %s \"r\"\n}\n",
                                        words[i])),
            "K0107", words[i]);
    }
}

static void a_policy_accepts_in_all_of_its_files_and_in_no_other(void **state) {
    static const struct file a = {"a.klock", "policy p\n" ODD("a")}, b = {"b.klock", "policy p\n" ODD("b")},
                             all = {"all.klock", "policy p\naccept negative-selector \"meant\"\n"},
                             other = {"other.klock", "policy q\n" ODD("c")};
    assert_int_equal(count_of(COMPILE_FILES(state, a, b), "K0201"), 2);
    assert_clean(COMPILE_FILES(state, a, b, all));
    assert_clean(COMPILE_FILES(state, all, b, a));
    assert_reports_only(COMPILE_FILES(state, a, all, other), "K0201", "labels");
    assert_reports(COMPILE_FILES(state, all, other), "K0212", "negative-selector");
}

static void what_actors_raise_is_accepted_for_the_policy(void **state) {
    static const char lock[] = "lock l {\n  resources limitranges\n  namespace a\n  name n\n  deny create\n  exclusive "
                               "a\n}\n",
                      shared[] = "actor a = sa a/default\n", sealed[] = "actor a = sa a/x sealed\n";
    struct arena *arena = arena_of(state);
    assert_reports_only(compile(state, arena_printf(arena, "%s%s", shared, lock)), "K0303", "sa a/default");
    assert_clean(compile(state, arena_printf(arena, "%s%saccept K0303 \"r\"\n", shared, lock)));
    assert_reports_only(compile_against(state, "insiders", arena_printf(arena, "%s%s", sealed, lock)), "K0220",
                        "sealed");
    assert_clean(
        compile_against(state, "insiders", arena_printf(arena, "%saccept seal-leaves-open \"r\"\n%s", sealed, lock)));
}

static void an_acceptance_is_for_its_own_block(void **state) {
    assert_reports_only(compile(state, LOCK("resources limitranges\nlabels !a\ndeny create\naccept K0201") ODD("m")),
                        "K0201", "labels");
}

static void locks_of_one_actor_are_accepted_one_by_one(void **state) {
    static const char lock[] =
        "lock %s {\n  resources limitranges\n  namespace a\n  name %s\n  deny create\n  exclusive user v\n%s}\n%s";
    static const char grant[] = GRANT("resources limitranges\nallow get");
    struct arena *arena = arena_of(state);
    const char *a = arena_printf(arena, lock, "a", "a", "  guard no rbac\n  accept K0205, K0241\n", grant),
               *b = arena_printf(arena, lock, "b", "b", "  guard no rbac\n  accept K0205\n", "");
    assert_clean(compile_against(state, "insiders", arena_printf(arena, "%s%s", a, b)));
    const char *open_b = arena_printf(arena, lock, "b", "b", "  guard no rbac\n", ""),
               *open_c = arena_printf(arena, lock, "c", "c", "", grant);
    assert_reports_only(compile_against(state, "insiders", arena_printf(arena, "%s%s", a, open_b)), "K0205",
                        "exclusive");
    // One actor is said once, however many locks it has.
    const struct compilation *twice = compile_against(state, "insiders", arena_printf(arena, "%s%s", open_c, open_b));
    assert_int_equal(count_of(twice, "K0205"), 1);
    assert_int_equal(count_of(twice, "K0241"), 1);
}

static void thousands_of_warnings_can_be_accepted(void **state) {
    struct text text;
    text_init(&text, arena_of(state));
    for (int i = 0; i < 3000; i++)
        text_printf(&text,
                    "lock l%d {\n  resources limitranges\n  namespace a\n  labels !n%d\n  deny create\n  accept "
                    "K0201\n}\n",
                    i, i);
    assert_clean(compile(state, text_string(&text)));
}

static void no_error_hides_behind_warnings(void **state) {
    struct text text;
    text_init(&text, arena_of(state));
    for (int i = 0; i < 1500; i++)
        text_printf(&text, "lock l%d {\n  resources limitranges\n  namespace a\n  labels !n%d\n  deny create\n}\n", i,
                    i);
    text_add_string(&text,
                    "lock x {\n  resources limitranges\n  namespace a\n  name n\n  deny create\n  accept K9999\n}\n");
    const struct compilation *compilation = compile(state, text_string(&text));
    assert_reports(compilation, "K0107", "K9999");
    assert_true(compilation->diags.count <= DIAG_MAX_REPORTED + 1);
}

static void actors_that_contradict_are_reported(void **state) {
    static const char format[] =
        "lock a {\n  resources limitranges\n  namespace x\n  labels k=v\n  deny update\n  exclusive "
        "%s\n}\n"
        "lock b {\n  resources %s\n  namespace %s\n  labels k=%s\n  deny %s\n  exclusive %s\n  %s\n}\n";
    struct arena *arena = arena_of(state);
    assert_reports_only(
        compile(state, arena_printf(arena, format, "user u", "limitranges", "x", "v", "update", "user v", "")), "K0204",
        "exclusive");
    static const char *const quiet[][7] = {
        {"user u", "limitranges", "x", "v", "update", "user u, user v", ""},
        {"user u", "limitranges", "y", "v", "update", "user v", ""},
        {"user u", "limitranges", "x", "w", "update", "user v", ""},
        {"user u", "limitranges", "x", "v", "delete", "user v", ""},
        {"user u", "limitranges", "x", "v", "update", "group v", ""},
        {"user u", "limitranges", "x", "v", "update", "user v", "mode audit"},
        {"user u", "limitranges", "x", "v", "update", "user v", "when label q"},
    };
    for (size_t i = 0; i < sizeof quiet / sizeof *quiet; i++)
        assert_silent(compile(state, arena_printf(arena, format, quiet[i][0], quiet[i][1], quiet[i][2], quiet[i][3],
                                                  quiet[i][4], quiet[i][5], quiet[i][6])),
                      "K0204");
}

static void constants_of_every_type_tell_selections_apart(void **state) {
    static const char text[] =
        "lock a {\n  resources configmaps\n  namespace x\n  where %s\n  deny delete\n  exclusive user u\n}\n"
        "lock b {\n  resources configmaps\n  namespace x\n  where %s\n  deny delete\n  exclusive user v\n}\n";
    static const char *const pairs[][2] = {
        {"field immutable = true", "field immutable = false"},
        {"field spec.x = 0.5", "field spec.x = 1.5"},
        {"field spec.x = 1", "field spec.x = \"1\""},
        {"field spec.x = 1k", "field spec.x = \"1k\""},
        {"label a = label b", "label a = label c"},
        {"label a = user", "label a = name"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct arena *arena = arena_of(state);
        assert_silent(compile(state, arena_printf(arena, text, pairs[i][0], pairs[i][1])), "K0204");
        assert_reports(compile(state, arena_printf(arena, text, pairs[i][0], pairs[i][0])), "K0204", "exclusive");
    }
}

static void wildcards_of_different_groups_do_not_contradict(void **state) {
    static const char text[] =
        "lock a {\n  resources *.%s\n  namespace x\n  labels k=v\n  deny delete\n  exclusive user u\n}\n"
        "lock b {\n  resources *.%s\n  namespace x\n  labels k=v\n  deny delete\n  exclusive user v\n}\n";
    assert_silent(compile(state, arena_printf(arena_of(state), text, "apps", "batch")), "K0204");
    assert_reports(compile(state, arena_printf(arena_of(state), text, "apps", "apps")), "K0204", "exclusive");
}

static void static_manifests_hold_no_rbac(void **state) {
    assert_reports(compile_static(state, GRANT("resources limitranges\nallow get")), "K0413", "g");
    assert_int_equal(compile_static(state, GRANT("resources limitranges\nallow get"))->manifest.count, 0);
    const char *lock = "lock l {\n  resources validatingadmissionpolicies\n  name n\n  deny delete\n}\n";
    assert_reports(compile(state, lock), "K0412", "validatingadmissionpolicies");
    assert_no_errors(compile_static(state, lock));
}

// What the control plane writes, and nothing is said of where a webhook answers for it, each for a reason.
static const char *const without_warning[] = {
    "pods/eviction",                 // it starts nothing, and people have webhooks to stop it
    "localsubjectaccessreviews",     // nodes may ask so, and ask the others
    "leasecandidates",               // behind a gate that is off: CoordinatedLeaderElection
    "serviceaccounts",               // of these, those in kube-system, beside their tokens
    "persistentvolumeclaims/status", // kubelets say there how far they are
    "csinodes/status",               // behind a gate
    "resourceclaims",
    "resourceclaims/status", // of pods with devices alone
    "podgroups/status",
    "compositepodgroups/status", // behind gates
};

static bool stops(void **state, const char *group, const char *resource) {
    const char *yaml =
        arena_printf(arena_of(state),
                     "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\n"
                     "metadata: {name: w}\nwebhooks: [{name: a.b.c, clientConfig: {url: 'https://h/'},\n"
                     "  rules: [{apiGroups: ['%s'], operations: [CREATE, UPDATE, DELETE], resources: ['%s']}]}]\n",
                     group, resource);
    struct klock_compiler *compiler = klock_new(NULL);
    klock_add_webhooks(compiler, "hooks.yaml", yaml, strlen(yaml));
    assert_int_equal(klock_compile(compiler), KLOCK_OK);
    const bool said = klock_diagnostic_count(compiler) > 0;
    klock_free(compiler);
    return said;
}

// A new minor, in which the control plane writes something else, is for check_webhook.c as well.
static void what_nodes_and_leaders_live_by_is_not_for_webhooks(void **state) {
    size_t asked = 0;
    for (size_t i = 0; i < kube_exemption_count; i++) {
        const struct kube_exemption *exemption = &kube_exemptions[i];
        const bool starts =
            strncmp(exemption->user, "system:node:", 12) == 0 || strcmp(exemption->user, "system:kube-scheduler") == 0;
        if (!exemption->resource || (exemption->level != EXEMPT_ALWAYS && !starts)) continue;
        for (const char *at = exemption->subresources;; at++) {
            const size_t len = strcspn(at, " ");
            // Objects that are no concern of theirs alone are what webhooks are for.
            const bool is_asked = len || exemption->level == EXEMPT_ALWAYS;
            const char *name = arena_printf(arena_of(state), len ? "%s/%.*s" : "%s", exemption->resource, (int)len, at);
            bool left_out = !is_asked;
            for (size_t j = 0; j < sizeof without_warning / sizeof *without_warning; j++)
                left_out |= strcmp(without_warning[j], name) == 0;
            if (is_asked && stops(state, exemption->resource_group, name) == left_out) print_message("%s\n", name);
            if (is_asked) assert_int_equal(stops(state, exemption->resource_group, name), !left_out);
            asked += is_asked;
            at += len;
            if (!*at) break;
        }
    }
    assert_true(asked > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(every_warning_arises_and_the_case_beside_it_is_quiet),
        SENTENCE(accidents_raise_no_warnings_about_insiders),
        SENTENCE(insiders_raise_the_warnings_about_accidents_too),
        SENTENCE(a_way_is_closed_only_by_a_lock_that_closes_it),
        SENTENCE(every_warning_in_a_block_can_be_accepted),
        SENTENCE(every_warning_can_be_accepted_for_the_policy),
        SENTENCE(an_acceptance_of_nothing_is_reported),
        SENTENCE(only_warnings_can_be_accepted),
        SENTENCE(a_policy_accepts_in_all_of_its_files_and_in_no_other),
        SENTENCE(what_actors_raise_is_accepted_for_the_policy),
        SENTENCE(an_acceptance_is_for_its_own_block),
        SENTENCE(locks_of_one_actor_are_accepted_one_by_one),
        SENTENCE(thousands_of_warnings_can_be_accepted),
        SENTENCE(no_error_hides_behind_warnings),
        SENTENCE(actors_that_contradict_are_reported),
        SENTENCE(constants_of_every_type_tell_selections_apart),
        SENTENCE(wildcards_of_different_groups_do_not_contradict),
        SENTENCE(static_manifests_hold_no_rbac),
        SENTENCE(what_nodes_and_leaders_live_by_is_not_for_webhooks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
