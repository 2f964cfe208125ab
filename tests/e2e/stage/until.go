package stage

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// Until fails unless the condition comes true within a minute.
func Until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	Within(t, time.Minute, what, condition)
}

// Within is Until with another patience.
func Within(t *testing.T, patience time.Duration, what string, condition func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(context.Background(), 100*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		return condition(), nil
	})
	if err != nil {
		t.Fatalf("it does not happen that %s", what)
	}
}

func (s *Stage) Until(what string, condition func() bool) {
	s.T.Helper()
	Until(s.T, what, condition)
}

// RolledOut says whether every pod of the Deployment "web" is the newest and ready, and there is none too many.
func (s *Stage) RolledOut(namespace string, replicas int64) func() bool {
	return func() bool {
		d := s.Admin.Get(At("deployments.apps " + namespace + "/web"))
		status, _ := d.Object["status"].(map[string]any)
		return status["observedGeneration"] == d.GetGeneration() && status["replicas"] == replicas &&
			status["updatedReplicas"] == replicas && status["availableReplicas"] == replicas &&
			s.Admin.Count(At("pods "+namespace), "run=web") == int(replicas)
	}
}

// Replaced says whether a deleted pod is gone and another has come.
func (s *Stage) Replaced(pod At, namespace string, replicas int64) func() bool {
	return func() bool { return !s.Admin.Exists(pod) && s.RolledOut(namespace, replicas)() }
}
