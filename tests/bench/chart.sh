#!/bin/sh
# Writes a Helm chart that says what generate.sh COUNT pods says, as people write such charts: the locks are values, and a
# template makes policies of them.
#
#   chart.sh COUNT DIR [each]     one policy with a table for a thousand locks, or with `each` a policy for each
set -eu
count=$1 dir=$2 form=${3-table}
mkdir -p "$dir/templates"
printf 'apiVersion: v2\nname: bench\nversion: 1.0.0\n' >"$dir/Chart.yaml"
awk -v count="$count" 'BEGIN {
	print "locks:"
	for (i = 0; i < count; i++) printf "- {namespace: team-%d, app: app-%d, account: operator}\n", i, i
}' >"$dir/values.yaml"

# What is let through by hand besides the actor: the end of objects and namespaces, the garbage collector, what changes nothing.
cat >"$dir/templates/_passing.tpl" <<'end'
{{- define "passing" -}}
|| request.userInfo.username == 'system:serviceaccount:kube-system:generic-garbage-collector'
        || request.userInfo.username == 'system:serviceaccount:kube-system:namespace-controller' && has(namespaceObject.metadata.deletionTimestamp)
        || request.operation == 'DELETE' && has(oldObject.metadata.deletionTimestamp)
        || request.operation == 'UPDATE' && object.metadata.labels == oldObject.metadata.labels
        && object.?spec == oldObject.?spec && object.?data == oldObject.?data && object.metadata.?annotations == oldObject.metadata.?annotations
{{- end -}}
{{- define "rules" -}}
resourceRules:
    - {apiGroups: [""], apiVersions: ["*"], operations: [UPDATE, DELETE], resources: [pods, configmaps], scope: Namespaced}
{{- end -}}
end
if [ "$form" = each ]; then
	cat >"$dir/templates/policies.yaml" <<'end'
{{- range .Values.locks }}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: bench-{{ .namespace }}-{{ .app }}
spec:
  failurePolicy: Fail
  matchConstraints:
    {{ include "rules" . }}
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ .namespace }}}}
    objectSelector: {matchLabels: {app: {{ .app }}}}
  validations:
  - expression: >-
        oldObject.metadata.?labels['app'].orValue('') != '{{ .app }}'
        || request.userInfo.username == 'system:serviceaccount:{{ .namespace }}:{{ .account }}'
        {{ include "passing" . }}
    message: "denied, there is a lock: map[app:{{ .app }}]"
    reason: Forbidden
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: bench-{{ .namespace }}-{{ .app }}
spec:
  policyName: bench-{{ .namespace }}-{{ .app }}
  validationActions: [Deny]
{{- end }}
end
else
	cat >"$dir/templates/policies.yaml" <<'end'
{{- $locks := .Values.locks }}
{{- range $part := until (int (div (add (len $locks) 999) 1000)) }}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: bench-{{ $part }}
spec:
  failurePolicy: Fail
  matchConstraints:
    {{ include "rules" $ }}
    objectSelector: {matchExpressions: [{key: app, operator: Exists}]}
  variables:
  - name: key
    expression: request.namespace + '/' + oldObject.metadata.?labels['app'].orValue('')
  - name: accounts
    expression: |-
        {
        {{- range slice $locks (int (mul $part 1000)) (int (min (len $locks) (mul (add $part 1) 1000))) }}
          '{{ .namespace }}/{{ .app }}': 'system:serviceaccount:{{ .namespace }}:{{ .account }}',
        {{- end }}
        }
  validations:
  - expression: >-
        !(variables.key in variables.accounts)
        || request.userInfo.username == variables.accounts[variables.key]
        {{ include "passing" $ }}
    messageExpression: "'denied, there is a lock on ' + variables.key"
    reason: Forbidden
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: bench-{{ $part }}
spec:
  policyName: bench-{{ $part }}
  validationActions: [Deny]
{{- end }}
end
fi
