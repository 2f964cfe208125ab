# klockc check --webhooks: what it reads, with which status. Sourced by run.sh.
# shellcheck shell=sh disable=SC2154
cat >hooks.yaml <<'end'
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: all}
webhooks:
- name: all.example.com
  clientConfig: {url: "https://hooks.example.com/"}
  rules: [{apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*"]}]
end
cat >bounded.klock <<'end'
policy bounded
lock bounded {
  resources  validatingwebhookconfigurations
  require    all webhooks as w ( not w matches everything )
  exclusive  group platform
}
end

refuses 'either a policy or webhooks' check - --webhooks -
refuses 'either RBAC or webhooks' check --rbac - --webhooks -
refuses 'no such file' check --webhooks nowhere.yaml
refuses 'no .yaml or .json file' check --webhooks empty
refuses 'has no option --webhooks' compile good.klock --webhooks hooks.yaml

try 0 check --webhooks hooks.yaml && says 'hooks.yaml:7:81: warning: while webhook .all.example.com. is down.*K0826'
try 1 check --webhooks hooks.yaml --warnings-as-errors && says 'error: .*K0826'
try 0 check bounded.klock --webhooks hooks.yaml && says "hooks.yaml:3:18: warning: 'all' is not what lock 'bounded'.*K0829"
try 0 check good.klock --webhooks rbac.yaml && silent 'what is no webhook'
try 0 check --rbac rbac.yaml --webhooks hooks.yaml && says K0801 && says K0826
"$KLOCKC" check --webhooks - <hooks.yaml >out 2>err
judge 'webhooks on standard input' grep -q K0826 err
