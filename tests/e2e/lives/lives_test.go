package lives

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"
)

// life is something that the control plane does to objects in the course of time: an entry for each. A text in it is written
// for one place: see world.text.
type life struct {
	name string
	// begins is what is there before a policy, where the place says so.
	begins func(w *world)
	goesOn func(w *world)
	// only says whether it goes on in a place. Without it, it does everywhere.
	only func(p *place) bool
	// since is the first minor that has it.
	since string
}

var lives = []life{
	{name: "service", begins: beginService, goesOn: service},
	{name: "claim", begins: beginClaim, goesOn: claim},
	{name: "ephemeral-volume", begins: beginClass, goesOn: ephemeralVolume, only: allKinds},
	{name: "attached-volume", begins: beginAttachedVolume, goesOn: attachedVolume, only: allKinds},
	{name: "device", begins: beginDevice, goesOn: device, only: func(p *place) bool { return allKinds(p) && p.before == "" }, since: "1.34"},
	{name: "pod-token", goesOn: podToken, only: allKinds},
	{name: "job", begins: beginJob, goesOn: job},
	{name: "certificate", goesOn: certificate},
	{name: "lost-node", begins: beginLostNode, goesOn: lostNode},
	{name: "custom-resource", begins: beginCustomResource, goesOn: customResource},
	{name: "namespace", goesOn: namespace, only: func(p *place) bool { return p.everything }},
	{name: "bootstrap-token", goesOn: bootstrapToken, only: func(p *place) bool { return p.everything }},
}

// allKinds says whether a policy is about objects of all kinds, or about those from before it.
func allKinds(p *place) bool { return p.everything || p.name == "freeze" || p.before != "" }

// world is where a life takes place.
type world struct {
	*stage.Stage
	*place
	nodes *stage.Nodes
	// name is the life's, and different at every stage of the test.
	name string
	// nodeLife is the context of nodes, which are there longer than a test.
	nodeLife           context.Context
	keeper, undertaker *stage.Actor
}

// text is written for one place: NS is its namespace, NAME a name that nothing else in the cluster has, LABELS are
// what the policy selects by, LATER those of what is made under the policy, NEW those that it asks of everything, and GROUP is that of the custom resource.
func (w *world) text(s string) string {
	return strings.NewReplacer("NS", w.namespace, "LABELS", w.labels, "LATER", cmp.Or(w.later, w.labels), "NEW", w.later, "NAME", w.place.name+"-"+w.name, "GROUP", w.group).Replace(s)
}

// Until is the stage's with more patience: everything happens at once, and the oldest API server has one processor.
func (w *world) Until(what string, condition func() bool) {
	w.T.Helper()
	stage.Within(w.T, 4*time.Minute, what, condition)
}

func (w *world) at(place string) stage.At { return stage.At(w.text(place)) }

func (w *world) make(text string) {
	w.T.Helper()
	w.Allowed("an object is made", func() error {
		err := w.keeper.Create(w.text(text))
		// A server on one processor that every life asks at once is late at times.
		for i := 0; i < 5 && (apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err) || apierrors.IsInternalError(err)); i++ {
			if err = w.keeper.Create(w.text(text)); apierrors.IsAlreadyExists(err) {
				err = nil
			}
		}
		return err
	})
}

func (w *world) patch(place, patch string) {
	w.T.Helper()
	w.Allowed("patch "+place, func() error { return w.keeper.Patch(w.at(place), w.text(patch)) })
}

func (w *world) remove(place string) {
	w.T.Helper()
	w.Allowed("delete "+place, func() error { return w.undertaker.Remove(w.at(place)) })
}

func (w *world) gone(place string) func() bool {
	return func() bool { return !w.Admin.Exists(w.at(place)) }
}

// field is a value of an object that is there, nil where it has none.
func (w *world) field(place string, path ...string) any {
	w.T.Helper()
	value, _, err := unstructured.NestedFieldNoCopy(w.Admin.Get(w.at(place)).Object, path...)
	if err != nil {
		w.T.Fatal(err)
	}
	return value
}

func (w *world) has(value any, place string, path ...string) func() bool {
	return func() bool { return w.field(place, path...) == value }
}

// condition says whether an object has a condition that is true.
func (w *world) condition(place, kind string) func() bool {
	return func() bool {
		conditions, _ := w.field(place, "status", "conditions").([]any)
		for _, c := range conditions {
			if c := c.(map[string]any); c["type"] == kind && c["status"] == "True" {
				return true
			}
		}
		return false
	}
}

// A Service gets its address and endpoints, and they go with it.

const pod = `
apiVersion: v1
kind: Pod
metadata: {name: NAME, namespace: NS, labels: {run: NAME, LABELS}}
spec: {containers: [{name: c, image: "registry.example/image:1"}]}
`

func beginService(w *world) {
	w.make(`
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: NS, labels: {LABELS}}
spec: {selector: {run: NAME}, ports: [{port: 80}]}
`)
	w.make(pod)
	w.Until("the Service has an address", func() bool { return w.field("services NS/NAME", "spec", "clusterIP") != nil })
	w.Until("the Service has the pod", w.endpoints(1))
}

func service(w *world) {
	w.remove("pods NS/NAME")
	w.Until("the pod has ended", w.gone("pods NS/NAME"))
	w.Until("the Service has no pod", w.endpoints(0))
	w.remove("services NS/NAME")
	w.Until("the slices are collected", func() bool {
		return w.Admin.Count(w.at("endpointslices.discovery.k8s.io NS"), w.text("kubernetes.io/service-name=NAME")) == 0
	})
	if !w.kept {
		w.Until("the endpoints go", w.gone("endpoints NS/NAME"))
	}
}

// endpoints says whether the Service's slice and its Endpoints have so many addresses.
func (w *world) endpoints(count int) func() bool {
	return func() bool {
		endpointSlices, err := w.Admin.Typed.DiscoveryV1().EndpointSlices(w.namespace).List(w.T.Context(), metav1.ListOptions{LabelSelector: w.text("kubernetes.io/service-name=NAME")})
		if err != nil {
			w.T.Fatal(err)
		}
		found := 0
		for _, slice := range endpointSlices.Items {
			found += len(slice.Endpoints)
		}
		if !w.Admin.Exists(w.at("endpoints NS/NAME")) {
			return false
		}
		subsets, _ := w.field("endpoints NS/NAME", "subsets").([]any)
		return found == count && len(subsets) == count
	}
}

// A claim waits for its pod, and is bound by the scheduler and the binder.

func beginClass(w *world) {
	w.make(`
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: NAME, labels: {LABELS}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: NAME, labels: {LABELS}}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: NAME
  persistentVolumeReclaimPolicy: Retain
  local: {path: /srv/NAME}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [n1]}]}]}}
`)
}

func beginClaim(w *world) {
	beginClass(w)
	w.make(`
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: NAME, namespace: NS, labels: {LABELS}}
spec: {accessModes: [ReadWriteOnce], storageClassName: NAME, resources: {requests: {storage: 1Gi}}}
`)
	w.Until("the claim is protected", func() bool { return w.field("persistentvolumeclaims NS/NAME", "metadata", "finalizers") != nil })
}

// consumer is a pod with a claim.
const consumer = `
apiVersion: v1
kind: Pod
metadata: {name: NAME, namespace: NS, labels: {run: NAME, LATER}}
spec:
  containers: [{name: c, image: "registry.example/image:1", volumeMounts: [{name: data, mountPath: /data}]}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: NAME}}]
`

func claim(w *world) {
	w.make(consumer)
	w.Until("the pod runs", w.has("Running", "pods NS/NAME", "status", "phase"))
	w.Until("the claim is bound", w.has("Bound", "persistentvolumeclaims NS/NAME", "status", "phase"))
	w.Until("the volume is bound", w.has("Bound", "persistentvolumes NAME", "status", "phase"))
	w.remove("pods NS/NAME")
	w.Until("the pod has ended", w.gone("pods NS/NAME"))
	w.remove("persistentvolumeclaims NS/NAME")
	w.Until("the claim is gone", w.gone("persistentvolumeclaims NS/NAME"))
	w.Until("the volume is released", w.has("Released", "persistentvolumes NAME", "status", "phase"))
	w.remove("persistentvolumes NAME")
	w.Until("the volume is gone", w.gone("persistentvolumes NAME"))
}

// A claim is made for a pod, and goes with it.

func ephemeralVolume(w *world) {
	w.make(`
apiVersion: v1
kind: Pod
metadata: {name: NAME, namespace: NS, labels: {run: NAME, LATER}}
spec:
  containers: [{name: c, image: "registry.example/image:1", volumeMounts: [{name: data, mountPath: /data}]}]
  volumes:
  - name: data
    ephemeral:
      volumeClaimTemplate:
        metadata: {labels: {NEW}}
        spec: {accessModes: [ReadWriteOnce], storageClassName: NAME, resources: {requests: {storage: 1Gi}}}
`)
	w.Until("the pod runs", w.has("Running", "pods NS/NAME", "status", "phase"))
	w.Until("its claim is bound", w.has("Bound", "persistentvolumeclaims NS/NAME-data", "status", "phase"))
	w.remove("pods NS/NAME")
	w.Until("the pod has ended", w.gone("pods NS/NAME"))
	w.Until("its claim is collected", w.gone("persistentvolumeclaims NS/NAME-data"))
}

// A volume is attached to a node and detached from it; what a driver does is done by the keeper.

func beginAttachedVolume(w *world) {
	w.make(`
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: {name: NAME.example.com}
spec: {attachRequired: true}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: NAME, labels: {LABELS}}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  csi: {driver: NAME.example.com, volumeHandle: NAME}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: NAME, namespace: NS, labels: {LABELS}}
spec: {accessModes: [ReadWriteOnce], storageClassName: "", volumeName: NAME, resources: {requests: {storage: 1Gi}}}
`)
	w.Until("the claim is bound", w.has("Bound", "persistentvolumeclaims NS/NAME", "status", "phase"))
}

func attachedVolume(w *world) {
	w.make(consumer)
	var attachment stage.At
	w.Until("the volume is to be attached", func() bool {
		list, err := w.Admin.Typed.StorageV1().VolumeAttachments().List(w.T.Context(), metav1.ListOptions{})
		if err != nil {
			w.T.Fatal(err)
		}
		for _, a := range list.Items {
			if name := a.Spec.Source.PersistentVolumeName; name != nil && *name == w.text("NAME") {
				attachment = stage.At("volumeattachments.storage.k8s.io " + a.Name)
			}
		}
		return attachment != ""
	})
	w.patch(string(attachment)+"/status", `{"status":{"attached":true}}`)
	w.Until("the node has the volume", func() bool {
		return strings.Contains(fmt.Sprint(w.field("nodes n1", "status", "volumesAttached")), w.text("NAME"))
	})
	w.remove("pods NS/NAME")
	w.Until("the volume is detached", func() bool { return !w.Admin.Exists(attachment) })
	w.Until("the node has it no more", func() bool {
		return !strings.Contains(fmt.Sprint(w.field("nodes n1", "status", "volumesAttached")), w.text("NAME"))
	})
}

// A device is allocated to a pod, and free again when the pod is gone.

func beginDevice(w *world) {
	w.make(`
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {name: NAME}
spec: {selectors: [{cel: {expression: 'device.driver == "NAME.example.com"'}}]}
---
apiVersion: resource.k8s.io/v1
kind: ResourceSlice
metadata: {name: NAME}
spec: {driver: NAME.example.com, nodeName: n1, pool: {name: NAME, generation: 1, resourceSliceCount: 1}, devices: [{name: d}]}
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: NAME, namespace: NS, labels: {LABELS}}
spec: {metadata: {labels: {LATER}}, spec: {devices: {requests: [{name: d, exactly: {deviceClassName: NAME}}]}}}
`)
}

func device(w *world) {
	w.make(`
apiVersion: v1
kind: Pod
metadata: {name: NAME, namespace: NS, labels: {run: NAME, LATER}}
spec: {containers: [{name: c, image: "registry.example/image:1"}], resourceClaims: [{name: d, resourceClaimTemplateName: NAME}]}
`)
	w.Until("the pod runs", w.has("Running", "pods NS/NAME", "status", "phase"))
	claims := func() []resourcev1.ResourceClaim {
		list, err := w.Admin.Typed.ResourceV1().ResourceClaims(w.namespace).List(w.T.Context(), metav1.ListOptions{})
		if err != nil {
			w.T.Fatal(err)
		}
		return slices.DeleteFunc(list.Items, func(c resourcev1.ResourceClaim) bool { return !strings.HasPrefix(c.Name, w.text("NAME-")) })
	}
	w.Until("its claim is allocated", func() bool { found := claims(); return len(found) == 1 && found[0].Status.Allocation != nil })
	w.remove("pods NS/NAME")
	w.Until("the pod has ended", w.gone("pods NS/NAME"))
	w.Until("its claim is collected", func() bool { return len(claims()) == 0 })
}

// The kubelet asks for a token for a pod.

func podToken(w *world) {
	w.make(strings.Replace(pod, "LABELS", "LATER", 1))
	w.Until("the pod runs", w.has("Running", "pods NS/NAME", "status", "phase"))
	w.Allowed("a token of the pod", func() error {
		uid := w.Admin.Get(w.at("pods NS/NAME")).GetUID()
		_, err := w.Node("n1").Typed.CoreV1().ServiceAccounts(w.namespace).CreateToken(w.T.Context(), "default", &authenticationv1.TokenRequest{
			Spec: authenticationv1.TokenRequestSpec{BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: w.text("NAME"), UID: uid}},
		}, metav1.CreateOptions{})
		return err
	})
	w.remove("pods NS/NAME")
	w.Until("the pod has ended", w.gone("pods NS/NAME"))
}

// A Job's pod ends, gives its finalizer back, and is counted.

func beginJob(w *world) {
	w.make(`
apiVersion: batch/v1
kind: Job
metadata: {name: NAME, namespace: NS, labels: {LABELS}}
spec:
  ttlSecondsAfterFinished: 1
  template:
    metadata: {labels: {run: NAME, LABELS}, annotations: {` + stage.ByHand + `: "yes"}}
    spec: {restartPolicy: Never, containers: [{name: c, image: "registry.example/image:1"}]}
`)
	w.Until("the Job's pod runs", func() bool {
		list, err := w.Admin.Typed.CoreV1().Pods(w.namespace).List(w.T.Context(), metav1.ListOptions{LabelSelector: w.text("run=NAME"), FieldSelector: "status.phase=Running"})
		if err != nil {
			w.T.Fatal(err)
		}
		return len(list.Items) == 1 && len(list.Items[0].Finalizers) == 1
	})
}

func job(w *world) {
	pod := stage.At("pods " + w.namespace + "/" + w.Admin.First(w.at("pods NS"), w.text("run=NAME")))
	w.Allowed("the pod ends", func() error { return w.Node("n1").Patch(pod+"/status", stage.Succeeded) })
	if w.kept {
		w.Until("the Job is complete", w.condition("jobs.batch NS/NAME", "Complete"))
		w.Until("the pod has no finalizer", func() bool { return len(w.Admin.Get(pod).GetFinalizers()) == 0 })
		return
	}
	// It does not go before it is complete, nor its pod before it has given the finalizer back.
	w.Until("the Job is complete and taken away", w.gone("jobs.batch NS/NAME"))
	w.Until("its pod is collected", w.gone(string(pod)))
}

// A machine asks for a node's certificate and gets it, and so does the node for its next one.

func certificate(w *world) {
	// Whoever is no part of the control plane yet needs to be let through where everything is locked.
	bootstrapper := w.User("system:bootstrap:e2e", "system:bootstrappers", keepers)
	for who, name := range map[*stage.Actor]string{bootstrapper: w.text("NAME-first"), w.Node("n1"): w.text("NAME-next")} {
		request, key, err := cluster.SignRequest("system:node:n1", "system:nodes")
		if err != nil {
			w.T.Fatal(err)
		}
		requests := who.Typed.CertificatesV1().CertificateSigningRequests()
		w.Allowed("a certificate is asked for", func() error {
			_, err := requests.Create(w.T.Context(), &certificatesv1.CertificateSigningRequest{
				ObjectMeta: metav1.ObjectMeta{Name: name},
				Spec: certificatesv1.CertificateSigningRequestSpec{
					Request: request, SignerName: certificatesv1.KubeAPIServerClientKubeletSignerName,
					Usages: []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth},
				},
			}, metav1.CreateOptions{})
			return err
		})
		var certificate []byte
		w.Until("the request is approved and signed", func() bool {
			signed, err := requests.Get(w.T.Context(), name, metav1.GetOptions{})
			if err != nil {
				w.T.Fatal(err)
			}
			certificate = signed.Status.Certificate
			return len(certificate) > 0
		})
		config, err := w.Cluster.WithCertificate(certificate, key)
		if err != nil {
			w.T.Fatal(err)
		}
		w.Allowed("the node shows the certificate", func() error {
			_, err := w.Holder("n1", config).Typed.CoreV1().Nodes().Get(w.T.Context(), "n1", metav1.GetOptions{})
			return err
		})
	}
}

// A node that is heard of no more is tainted, its pods are evicted, and they end when somebody says that it is off.

// ownPods keeps other pods from a node that will be lost.
var ownPods = corev1.Taint{Key: "e2e.klock.dev/own-pods", Effect: corev1.TaintEffectNoSchedule}

func beginLostNode(w *world) {
	w.Allowed("the node joins", func() error { return w.nodes.Join(w.nodeLife, w.text("NAME"), ownPods) })
	w.make(`
apiVersion: v1
kind: Pod
metadata: {name: NAME, namespace: NS, labels: {run: NAME, LABELS}}
spec:
  nodeSelector: {kubernetes.io/hostname: NAME}
  tolerations:
  - {key: e2e.klock.dev/own-pods, operator: Exists}
  - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 0}
  - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 30}
  containers: [{name: c, image: "registry.example/image:1"}]
`)
	w.Until("the pod runs there", w.has("Running", "pods NS/NAME", "status", "phase"))
}

func lostNode(w *world) {
	w.nodes.Lose(w.text("NAME"))
	w.Until("the node is tainted", func() bool {
		taints, _ := w.field("nodes NAME", "spec", "taints").([]any)
		for _, t := range taints {
			if t := t.(map[string]any); t["key"] == "node.kubernetes.io/unreachable" && t["effect"] == "NoExecute" {
				return true
			}
		}
		return false
	})
	if w.kept {
		return
	}
	w.Until("the pod is evicted", func() bool { return w.field("pods NS/NAME", "metadata", "deletionTimestamp") != nil })
	node, err := w.Admin.Typed.CoreV1().Nodes().Get(w.T.Context(), w.text("NAME"), metav1.GetOptions{})
	if err != nil {
		w.T.Fatal(err)
	}
	w.Allowed("the node is said to be off", func() error {
		taint := `{"spec":{"taints":[{"key":"node.kubernetes.io/out-of-service","value":"off","effect":"NoExecute"}]}}`
		return w.keeper.Patch(stage.At("nodes "+node.Name), taint)
	})
	w.Until("the pod is collected", w.gone("pods NS/NAME"))
}

// A custom resource ends when its operator has cleaned up, which it tells in the status.

func beginCustomResource(w *world) {
	w.Until("the resource is served", func() bool {
		client, _, _ := w.Admin.Find(w.at("databases.GROUP NS"))
		_, err := client.List(w.T.Context(), metav1.ListOptions{})
		return err == nil
	})
	w.make(`
apiVersion: GROUP/v1
kind: Database
metadata: {name: NAME, namespace: NS, finalizers: [GROUP/clean-up], labels: {LABELS}}
spec: {size: 1}
`)
}

func customResource(w *world) {
	object := "databases.GROUP NS/NAME"
	w.patch(object+"/status", `{"status":{"phase":"ready"}}`)
	w.remove(object)
	w.Until("it is terminating", func() bool { return w.field(object, "metadata", "deletionTimestamp") != nil })
	w.patch(object+"/status", `{"status":{"phase":"cleaning up"}}`)
	w.patch(object, `{"metadata":{"finalizers":null}}`)
	w.Until("it is gone", w.gone(object))
}

// A namespace is filled by the controllers, and emptied by them.

func namespace(w *world) {
	w.make(`{apiVersion: v1, kind: Namespace, metadata: {name: NAME}}`)
	w.Until("it has its ServiceAccount", func() bool { return w.Admin.Exists(w.at("serviceaccounts NAME/default")) })
	w.Until("it has the certificates", func() bool { return w.Admin.Exists(w.at("configmaps NAME/kube-root-ca.crt")) })
	w.make(`{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: NAME}}`)
	w.remove("namespaces NAME")
	w.Until("it is gone", w.gone("namespaces NAME"))
}

// A token for machines that join is signed into what they are told about the cluster, and goes when its time is over.

func bootstrapToken(w *world) {
	id := fmt.Sprintf("%06x", time.Now().UnixNano()&0xffffff)
	info := stage.At("configmaps kube-public/cluster-info")
	if !w.Admin.Exists(info) {
		w.make(`{apiVersion: v1, kind: ConfigMap, metadata: {name: cluster-info, namespace: kube-public}, data: {kubeconfig: "{apiVersion: v1, kind: Config}"}}`)
	}
	w.make(`
apiVersion: v1
kind: Secret
metadata: {name: bootstrap-token-` + id + `, namespace: kube-system}
type: bootstrap.kubernetes.io/token
stringData: {token-id: "` + id + `", token-secret: 0123456789abcdef, usage-bootstrap-signing: "true", usage-bootstrap-authentication: "true"}
`)
	w.Until("the token has signed", func() bool { return w.field(string(info), "data", "jws-kubeconfig-"+id) != nil })
	w.patch("secrets kube-system/bootstrap-token-"+id, `{"stringData":{"expiration":"2020-01-01T00:00:00Z"}}`)
	w.Until("the token is gone", w.gone("secrets kube-system/bootstrap-token-"+id))
	w.Until("its signature is gone", func() bool { return w.field(string(info), "data", "jws-kubeconfig-"+id) == nil })
}
