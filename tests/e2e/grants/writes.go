package grants

import (
	"fmt"
	"slices"
	"strings"

	"klock.dev/e2e/cluster"
)

// APIServer is the name by which an API server writes what it needs itself.
const APIServer = "system:apiserver"

// Strange are writes of the control plane that succeeded and that no row lets through and no rule withholds. Nodes are played in
// tests, by whoever may do more.
func Strange(writes []cluster.Write, rows []Row) []string {
	var strange []string
	for i := range writes {
		w := &writes[i]
		who := w.Who()
		component := who == APIServer || strings.HasPrefix(who, "system:kube-") || strings.HasPrefix(who, accountPrefix+"kube-system:")
		if !component || w.ImpersonatedUser != nil || w.ResponseStatus.Code >= 300 {
			continue
		}
		operation := operationOf[w.Verb]
		if w.Verb == "patch" && w.ResponseStatus.Code == 201 {
			operation = Create
		}
		passes := slices.ContainsFunc(rows, func(r Row) bool { return r.passes(w, operation) })
		if said := Said(w); !passes && !isWithheld(w, operation) && !slices.Contains(strange, said) {
			strange = append(strange, said)
		}
	}
	return strange
}

// Said is who does what, without the name of the object.
func Said(w *cluster.Write) string {
	o := w.ObjectRef
	return fmt.Sprintf("%s: %s %s", w.Who(), w.Verb, Work{Group: o.APIGroup, Resource: o.Resource, Subresource: o.Subresource}.what())
}

func (r Row) passes(w *cluster.Write, operation Operations) bool {
	o := w.ObjectRef
	return w.Who() == r.User && (r.In == "" || slices.Contains(w.User.Groups, r.In)) && r.Operations&operation != 0 &&
		(r.Namespace == "" || r.Namespace == o.Namespace) && (r.Subresource == "*" || r.Subresource == o.Subresource) &&
		(r.Resource == "*" || r.Group == o.APIGroup && r.Resource == o.Resource)
}

func isWithheld(w *cluster.Write, operation Operations) bool {
	o := w.ObjectRef
	work := Work{User: w.Who(), Namespace: o.Namespace, Group: o.APIGroup, Resource: o.Resource, Subresource: o.Subresource}
	every := Work{User: w.Who(), Group: "*", Resource: "*", Subresource: "*"}
	return ruleOf(work, operation).withheld != "" || ruleOf(every, operation).withheld != ""
}
