package grants

// Levels of exemption, as exemptions.def has them. Always is what no lock keeps from its work.
const (
	Always      = "ALWAYS"
	Lifecycle   = "LIFECYCLE"
	Controllers = "CONTROLLERS"
)

// A rule is about what it names: an account of kube-system or another user ("*" is everybody), and RESOURCE[.GROUP][/SUBRESOURCE]
// ("*" is every resource, where the grant is one of every resource).
type rule struct {
	who, what  string
	operations Operations
	// withheld rules say why a write that a server grants is let through by no lock.
	withheld string
	// The others say what lets it through: at which level, in which namespace alone, and within which limit.
	level, namespace, limit string
}

const (
	note     = "a note for people: wildcards leave it out, and no work waits for it"
	unused   = "the account never does so (no such call in its code, 1.30 to 1.37)"
	gone     = "what did so was removed before 1.30"
	noChange = "its patches change nothing, which no lock refuses"
	elected  = "leaders were elected by configmaps until 1.24"
)

// rules are tried in order; of each operation the first one counts. What none is about is let through by locks that say
// `exempt controllers`.
var rules = []rule{
	// What keeps the control plane itself alive: its leases, those of nodes, and the accounts of its controllers.
	{who: "*", what: "leases.coordination.k8s.io", level: Always},
	{who: "*", what: "leasecandidates.coordination.k8s.io", level: Always},
	{who: "*", what: "tokenreviews.authentication.k8s.io", level: Always},
	{who: "*", what: "subjectaccessreviews.authorization.k8s.io", level: Always},
	{who: "*", what: "localsubjectaccessreviews.authorization.k8s.io", level: Always},
	{who: "system:kube-controller-manager", what: "serviceaccounts", operations: Create, level: Always, namespace: "kube-system"},
	{who: "system:kube-controller-manager", what: "serviceaccounts/token", level: Always, namespace: "kube-system"},

	// What the cluster has begun.
	{who: "namespace-controller", what: "*", level: Lifecycle, limit: "ONLY_TERMINATING"},
	{who: "namespace-controller", what: "namespaces", operations: Delete, withheld: "the line about every resource says so"},
	{who: "namespace-controller", what: "namespaces/finalize", level: Lifecycle, limit: "ONLY_TERMINATING"},
	{who: "namespace-controller", what: "namespaces/status", level: Lifecycle, limit: "ONLY_TERMINATING"},
	{who: "generic-garbage-collector", what: "*", level: Lifecycle, limit: "ONLY_OWNERSHIP"},
	{who: "pod-garbage-collector", what: "pods", level: Lifecycle},
	{who: "pod-garbage-collector", what: "pods/status", level: Lifecycle},
	{who: nodes, what: "pods", level: Lifecycle},
	{who: nodes, what: "pods/status", level: Lifecycle},
	{who: nodes, what: "pods/eviction", level: Lifecycle},
	{who: nodes, what: "serviceaccounts/token", level: Lifecycle},

	// What servers grant and nobody needs.
	{who: "*", what: "events", withheld: note},
	{who: "*", what: "events.events.k8s.io", withheld: note},
	{who: "*", what: "configmaps", operations: Update, namespace: "kube-system", withheld: elected},
	{who: "cloud-provider", what: "configmaps", withheld: "deprecated since 1.10, and no component is that account"},
	{who: "storage-version-migrator-controller", what: "*", withheld: noChange},
	{who: "cronjob-controller", what: "cronjobs.batch", withheld: unused},
	{who: "cronjob-controller", what: "jobs.batch", operations: Update, withheld: unused},
	{who: "cronjob-controller", what: "pods", withheld: unused},
	{who: "daemon-set-controller", what: "pods/binding", withheld: unused},
	{who: "deployment-controller", what: "pods", withheld: unused},
	{who: "job-controller", what: "jobs.batch", withheld: unused},
	{who: "persistent-volume-binder", what: "endpoints", withheld: gone},
	{who: "persistent-volume-binder", what: "services", withheld: gone},
	{who: "replicaset-controller", what: "replicasets.apps", withheld: unused},
	{who: "replication-controller", what: "replicationcontrollers", withheld: unused},
	{who: "statefulset-controller", what: "persistentvolumeclaims", operations: Delete, withheld: unused},
	{who: "storage-version-garbage-collector", what: "storageversions.internal.apiserver.k8s.io", operations: Update, withheld: unused},
	{who: "system:kube-scheduler", what: "bindings", withheld: unused},
	{who: "system:kube-controller-manager", what: "secrets", operations: Create, withheld: gone},
	{who: "system:kube-controller-manager", what: "secrets", operations: Delete,
		withheld: "where controllers have no accounts of their own, the garbage collector has that name, and guard owners would not hold"},
	{who: "legacy-service-account-token-cleaner", what: "secrets", operations: Delete, level: Controllers, limit: "ONLY_AS_ITSELF"},
	{who: "token-cleaner", what: "secrets", level: Controllers, limit: "ONLY_AS_ITSELF"},
}

// added is what no role lists.
var added = []Row{
	{Level: Always, User: "system:apiserver", In: "system:masters", Work: Work{Group: "*", Resource: "*", Subresource: "*"},
		Operations: Create | Update | Delete, Limit: noLimit, Source: "system:apiserver, which is a member of system:masters: " + ownWrites},
}

const ownWrites = "audit of start, restart, use and upgrade"
