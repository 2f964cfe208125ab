package stage

import "fmt"

// Deployment is a Deployment "web" of three pods, with labels of its own and labels of its pods.
func Deployment(namespace, labels, podLabels string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: %s, labels: {%s}}
spec:
  replicas: 3
  selector: {matchLabels: {run: web}}
  template:
    metadata: {labels: {run: web, %s}}
    spec:
      containers: [{name: c, image: "registry.example/image:1"}]
`, namespace, labels, podLabels)
}

// NewImage is a patch of such a Deployment, or of another workload with one container "c".
const NewImage = `{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"registry.example/image:2"}]}}}}`

// Owned makes an object that a ConfigMap "owner" owns.
func (s *Stage) Owned(kind, namespace, name, labels string) {
	s.T.Helper()
	if !s.Admin.Exists(At("configmaps " + namespace + "/owner")) {
		s.Allowed("the owner is made", func() error {
			return s.Admin.Create(fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: owner, namespace: %s}}", namespace))
		})
	}
	uid := s.Admin.Get(At("configmaps " + namespace + "/owner")).GetUID()
	s.Allowed("the dependent is made", func() error {
		return s.Admin.Create(fmt.Sprintf(`
apiVersion: v1
kind: %s
metadata:
  name: %s
  namespace: %s
  labels: {%s}
  ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: owner, uid: %s, blockOwnerDeletion: true}]
`, kind, name, namespace, labels, uid))
	})
}
