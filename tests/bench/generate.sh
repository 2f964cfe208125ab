#!/bin/sh
# Prints a policy of COUNT locks, as many as people write by generator: of one form; each of another with `mixed`; on pods, with
# the guards that come by default, with `pods`. Of sealed actors with `sealed`. Or of one lock with COUNT of what there may be many:
# `values` of a field, `users` who pass, operands of an `or`, `objects` that it is on, or `unknown` names. Of webhooks with
# `webhooks`, each with an account and consent. Of tenants, with `tenants`. With `rbac`, as many roles and bindings instead, as a cluster prints them.
#
#   generate.sh COUNT [mixed|pods|sealed|values|users|or|objects|unknown|webhooks|tenants|rbac]
awk -v count="${1:-100}" -v form="${2-}" '
	function list(before, after,    i) { for (i = 0; i < count; i++) printf "%s%s%d%s", i ? between : "", before, i, after }
	BEGIN {
		if (form == "rbac") {
			group = "rbac.authorization.k8s.io"
			print "apiVersion: v1\nkind: List\nitems:"
			for (i = 0; i < count / 2; i++) {
				cluster = i % 10 ? "" : "Cluster"
				where = cluster == "" ? sprintf("    namespace: team-%d\n", i % 500) : ""
				printf "- apiVersion: %s/v1\n  kind: %sRole\n  metadata:\n    name: role-%d\n%s  rules:\n", group, cluster, i, where
				printf "  - apiGroups:\n    - \"\"\n    resources:\n    - configmaps\n    - %s\n    verbs:\n    - get\n    - list\n    - watch\n", i % 7 ? "services" : "secrets"
				printf "  - apiGroups:\n    - apps\n    resources:\n    - deployments\n    verbs:\n    - %s\n", i % 50 ? "get" : "patch"
				printf "- apiVersion: %s/v1\n  kind: %sRoleBinding\n  metadata:\n    name: binding-%d\n%s", group, cluster, i, where
				printf "  roleRef:\n    apiGroup: %s\n    kind: %sRole\n    name: role-%d\n", group, cluster, i
				printf "  subjects:\n  - kind: ServiceAccount\n    name: robot-%d\n    namespace: team-%d\n", i % 1000, i % 500
			}
			exit
		}
		print "policy bench"
		between = ", "
		if (form == "sealed") {
			for (i = 0; i < count; i++) printf "actor op%d = serviceaccount team-%d/operator sealed by user release\n", i, i
			exit
		}
		if (form == "tenants") {
			print "deployer group platform, sa flux-system/kustomize-controller"
			for (i = 0; i < count; i++)
				printf "tenant t%d {\n  namespaces    t%d, t%d-jobs\n  members       group t%d-team\n  role          edit\n  deployer      flux\n  pod security  restricted\n  quota         pods 50, cpu 20, memory 64Gi\n}\n", i, i, i, i
			exit
		}
		if (form == "webhooks") {
			print "grant g to sa hooks/hook {\n  resources  deployments\n  namespace  shop\n  allow      create, update\n}"
			for (i = 0; i < count; i++) {
				printf "webhook w%d.hooks.example.com mutating {\n  service    hooks/hook path \"/%d\"\n  ca         from cert-manager hooks/hook\n", i, i
				printf "  on         create, update\n  resources  deployments\n  namespace  shop\n  account    sa hooks/hook\n  consent    strict\n  on failure allow\n}\n"
			}
			exit
		}
		if (form == "objects") {
			for (i = 0; i < count; i++) printf "object o%d {\n  resources  configmaps\n  namespace  team-%d\n  labels     app=app-%d\n}\n", i, i, i
			printf "lock keep on "
			list("o", "")
			print " {\n  deny       update, delete\n}"
			exit
		}
		if (form == "values" || form == "users" || form == "or" || form == "unknown") {
			printf "lock keep {\n  resources  configmaps\n  namespace  team\n  "
			if (form == "values") { printf "where      field data.app in ("; list("app-", ""); print ")" }
			if (form == "users") { printf "name       one\n  exclusive  "; list("user u", ""); print "" }
			if (form == "unknown") { printf "name       one\n  exclusive  "; list("nobody-", ""); print "" }
			if (form == "or") { between = " or "; printf "where      "; list("field data.f = \"", "\""); print "" }
			printf "  deny       update, delete\n}\n"
			exit
		}
		for (i = 0; i < count; i++) {
			printf "actor op%d = serviceaccount team-%d/operator\n", i, i
			printf "lock keep%d {\n  resources  %s\n  namespace  team-%d\n  labels     app=app-%d\n", i, form == "pods" ? "pods, configmaps" : "configmaps, secrets", i, i
			if (form == "mixed") printf "  where      field data.f%d = \"%d\"\n", i % 50, i
			printf "  deny       update, delete\n  exclusive  op%d\n}\n", i
		}
	}'
