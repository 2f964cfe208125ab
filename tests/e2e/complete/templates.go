package complete

import "k8s.io/apimachinery/pkg/runtime/schema"

const (
	podTemplate = `{containers: [{name: c0, image: "registry.example/image:1"}]}`
	workload    = `{spec: {selector: {matchLabels: {e2e: "NAME"}}, template: {metadata: {labels: {e2e: "NAME"}}, spec: ` + podTemplate + `}}}`
	webhooks    = `{webhooks: [{name: hook.e2e.klock.dev, admissionReviewVersions: [v1], sideEffects: None, failurePolicy: Ignore,
  clientConfig: {service: {namespace: nowhere, name: hook}}, rules: [{apiGroups: [nowhere.klock.dev], apiVersions: [v1], operations: [CREATE], resources: [nothing]}]}]}`
	device = `{spec: {devices: {requests: [{name: one, exactly: {deviceClassName: class.klock.dev}}]}}}`
)

// templates are the least that an API server accepts of each kind that needs more than metadata.
var templates = map[schema.GroupKind]string{
	{Kind: "Endpoints"}:             `{subsets: [{addresses: [{ip: 10.1.0.1}], ports: [{port: 80}]}]}`,
	{Kind: "Event"}:                 `{involvedObject: {namespace: NAMESPACE}, type: Normal}`,
	{Kind: "LimitRange"}:            `{spec: {limits: [{type: Pod, max: {cpu: "9"}}]}}`,
	{Kind: "Namespace"}:             `{spec: {finalizers: [kubernetes]}, status: {phase: Active}}`,
	{Kind: "PersistentVolume"}:      `{spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], persistentVolumeReclaimPolicy: Retain, hostPath: {path: /e2e}}}`,
	{Kind: "PersistentVolumeClaim"}: `{spec: {accessModes: [ReadWriteOnce], storageClassName: "", resources: {requests: {storage: 1Gi}}}}`,
	{Kind: "Pod"}:                   `{spec: ` + podTemplate + `}`,
	{Kind: "PodTemplate"}:           `{template: {metadata: {labels: {e2e: "NAME"}}, spec: ` + podTemplate + `}}`,
	{Kind: "ReplicationController"}: `{spec: {selector: {e2e: "NAME"}, template: {metadata: {labels: {e2e: "NAME"}}, spec: ` + podTemplate + `}}}`,
	{Kind: "ResourceQuota"}:         `{spec: {hard: {pods: "99"}}}`,
	{Kind: "Service"}:               `{spec: {selector: {e2e: "NAME"}, ports: [{port: 80}]}}`,

	{Group: "admissionregistration.k8s.io", Kind: "MutatingAdmissionPolicy"}: `{spec: {reinvocationPolicy: Never, failurePolicy: Ignore,
  matchConstraints: {resourceRules: [{apiGroups: [nowhere.klock.dev], apiVersions: [v1], operations: [CREATE], resources: [nothing]}]},
  mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: "Object{}"}}]}}`,
	{Group: "admissionregistration.k8s.io", Kind: "MutatingAdmissionPolicyBinding"}: `{spec: {policyName: nothing}}`,
	{Group: "admissionregistration.k8s.io", Kind: "MutatingWebhookConfiguration"}:   webhooks,
	{Group: "admissionregistration.k8s.io", Kind: "ValidatingAdmissionPolicy"}: `{spec: {failurePolicy: Ignore,
  matchConstraints: {resourceRules: [{apiGroups: [nowhere.klock.dev], apiVersions: [v1], operations: [CREATE], resources: [nothing]}]},
  validations: [{expression: "true"}]}}`,
	{Group: "admissionregistration.k8s.io", Kind: "ValidatingAdmissionPolicyBinding"}: `{spec: {policyName: nothing, validationActions: [Audit]}}`,
	{Group: "admissionregistration.k8s.io", Kind: "ValidatingWebhookConfiguration"}:   webhooks,

	{Group: "apiregistration.k8s.io", Kind: "APIService"}: `{spec: {groupPriorityMinimum: 100, versionPriority: 100, service: {namespace: nowhere, name: api}, insecureSkipTLSVerify: true}}`,

	{Group: "apps", Kind: "ControllerRevision"}: `{revision: 1, data: {}}`,
	{Group: "apps", Kind: "DaemonSet"}:          workload,
	{Group: "apps", Kind: "Deployment"}:         workload,
	{Group: "apps", Kind: "ReplicaSet"}:         workload,
	{Group: "apps", Kind: "StatefulSet"}:        workload,

	{Group: "autoscaling", Kind: "HorizontalPodAutoscaler"}: `{spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: NAME}}}`,
	{Group: "batch", Kind: "CronJob"}:                       `{spec: {schedule: "0 0 1 1 *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c0, image: "registry.example/image:1"}]}}}}}}`,
	{Group: "batch", Kind: "Job"}:                           `{spec: {template: {spec: {restartPolicy: Never, containers: [{name: c0, image: "registry.example/image:1"}]}}}}`,

	{Group: "certificates.k8s.io", Kind: "CertificateSigningRequest"}: `{spec: {signerName: klock.dev/e2e, usages: [client auth], request: CSR}}`,

	{Group: "discovery.k8s.io", Kind: "EndpointSlice"}: `{addressType: IPv4, endpoints: []}`,
	{Group: "events.k8s.io", Kind: "Event"}: `{regarding: {namespace: NAMESPACE}, type: Normal, eventTime: "2026-01-01T00:00:00.000000Z", action: a, reason: r,
  reportingController: klock.dev/e2e, reportingInstance: e2e}`,
	{Group: "flowcontrol.apiserver.k8s.io", Kind: "FlowSchema"}:                 `{spec: {matchingPrecedence: 9000, priorityLevelConfiguration: {name: catch-all}}}`,
	{Group: "flowcontrol.apiserver.k8s.io", Kind: "PriorityLevelConfiguration"}: `{spec: {type: Limited, limited: {nominalConcurrencyShares: 1, limitResponse: {type: Reject}}}}`,

	{Group: "networking.k8s.io", Kind: "IPAddress"}:     `{spec: {parentRef: {resource: services, namespace: default, name: NAME}}}`,
	{Group: "networking.k8s.io", Kind: "Ingress"}:       `{spec: {defaultBackend: {service: {name: NAME, port: {number: 80}}}}}`,
	{Group: "networking.k8s.io", Kind: "IngressClass"}:  `{spec: {controller: klock.dev/e2e}}`,
	{Group: "networking.k8s.io", Kind: "NetworkPolicy"}: `{spec: {podSelector: {}}}`,
	{Group: "networking.k8s.io", Kind: "ServiceCIDR"}:   `{spec: {cidrs: [10.9.0.0/24]}}`,

	{Group: "node.k8s.io", Kind: "RuntimeClass"}:   `{handler: e2e}`,
	{Group: "policy", Kind: "PodDisruptionBudget"}: `{spec: {selector: {matchLabels: {e2e: none}}}}`,

	{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}:        `{rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]}`,
	{Group: "rbac.authorization.k8s.io", Kind: "ClusterRoleBinding"}: `{roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}, subjects: []}`,
	{Group: "rbac.authorization.k8s.io", Kind: "Role"}:               `{rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]}`,
	{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"}:        `{roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}, subjects: []}`,

	{Group: "resource.k8s.io", Kind: "DeviceTaintRule"}:       `{spec: {taint: {key: e2e, effect: NoSchedule}}}`,
	{Group: "resource.k8s.io", Kind: "ResourceClaim"}:         device,
	{Group: "resource.k8s.io", Kind: "ResourceClaimTemplate"}: `{spec: ` + device + `}`,
	{Group: "resource.k8s.io", Kind: "ResourceSlice"}:         `{spec: {driver: e2e.klock.dev, nodeName: node, pool: {name: p, generation: 1, resourceSliceCount: 1}}}`,

	{Group: "scheduling.k8s.io", Kind: "PriorityClass"}: `{value: 1000}`,

	{Group: "storage.k8s.io", Kind: "CSINode"}:               `{spec: {drivers: []}}`,
	{Group: "storage.k8s.io", Kind: "CSIStorageCapacity"}:    `{storageClassName: e2e}`,
	{Group: "storage.k8s.io", Kind: "StorageClass"}:          `{provisioner: klock.dev/e2e}`,
	{Group: "storage.k8s.io", Kind: "VolumeAttachment"}:      `{spec: {attacher: e2e.klock.dev, nodeName: node, source: {persistentVolumeName: v}}}`,
	{Group: "storage.k8s.io", Kind: "VolumeAttributesClass"}: `{driverName: e2e.klock.dev, parameters: {a: b}}`,

	{Group: "storagemigration.k8s.io", Kind: "StorageVersionMigration"}: `{spec: {resource: {group: "", resource: pods}}}`,

	// Objects of subresources.
	{Kind: "Binding"}:                                      `{target: {apiVersion: v1, kind: Node, name: node}}`,
	{Group: "autoscaling", Kind: "Scale"}:                  `{spec: {replicas: 1}}`,
	{Group: "authentication.k8s.io", Kind: "TokenRequest"}: `{spec: {audiences: []}}`,
}
