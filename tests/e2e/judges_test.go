package e2e

import (
	"context"
	"regexp"
	"slices"
	"testing"
	"time"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/evaluator"
	"klock.dev/e2e/live"
)

// mutation is a mistake that a compiler could make.
type mutation struct {
	name string
	from *regexp.Regexp
	to   string
}

var mutations = []mutation{
	{"no exemption", regexp.MustCompile(`\n *&& !variables\.(controllers|lifecycle)\b`), ""},
	{"everybody is a controller", regexp.MustCompile(`&& !variables\.controllers\b`), "&& false"},
	{"another label value", regexp.MustCompile(`== 'red'`), "== 'blue'"},
	{"the actor is refused", regexp.MustCompile(`(?m)^ *&& !\(variables\.user == '[^']*'\)$`), ""},
	{"another actor", regexp.MustCompile(`(!\(variables\.user == ')[^']*'`), "${1}nobody'"},
	{"changes do not matter", regexp.MustCompile(`(?m)^  - name: changed\n    expression: .*$`), "  - name: changed\n    expression: \"request.operation == 'UPDATE'\""},
	{"no label guard", regexp.MustCompile(`request\.operation == 'UPDATE' && !\('`), "false && !('"},
	{"deletes do not arrive", regexp.MustCompile(`(?m)^      - DELETE\n`), ""},
	{"updates do not arrive", regexp.MustCompile(`(?m)^      - UPDATE\n(      - DELETE\n)`), "$1"},
	{"subresources do not arrive", regexp.MustCompile(`(?m)^      - "?[a-z*]+/[a-z]+"?\n`), "      - nothing/nothing\n"},
	{"the new object decides", regexp.MustCompile(`request\.operation == 'CREATE' \? variables\.new : variables\.old`), "object != null ? variables.new : variables.old"},
	{"terminating objects are locked", regexp.MustCompile(`variables\.finishing \|\| `), ""},
	{"terminating namespaces are locked", regexp.MustCompile(`has\(namespaceObject\.metadata\.deletionTimestamp\)`), "false"},
	{"any namespace", regexp.MustCompile(`&& variables\.namespaceName == '[^']*'`), ""},
	{"another lock is named", regexp.MustCompile(`\(lock [a-z0-9-]+ of policy`), "(lock other of policy"},
	{"a warning only", regexp.MustCompile(`(?m)^  - Deny$`), "  - Warn"},
	{"evictions do not arrive", regexp.MustCompile(`(?m)^      - pods/eviction\n`), "      - nothing/nothing\n"},
	{"scale does not arrive", regexp.MustCompile(`(?m)^      - [a-z]+/scale\n`), "      - nothing/nothing\n"},
	{"exec does not arrive", regexp.MustCompile(`(?m)^      - pods/exec\n`), "      - nothing/nothing\n"},
	{"attach does not arrive", regexp.MustCompile(`(?m)^      - pods/attach\n`), "      - nothing/nothing\n"},
	{"port-forward does not arrive", regexp.MustCompile(`(?m)^      - pods/portforward\n`), "      - nothing/nothing\n"},
	{"proxies do not arrive", regexp.MustCompile(`(?m)^      - [a-z]+/proxy\n`), "      - nothing/nothing\n"},
	{"bindings do not arrive", regexp.MustCompile(`(?m)^      - pods/binding\n`), "      - nothing/nothing\n"},
	{"tokens do not arrive", regexp.MustCompile(`(?m)^      - serviceaccounts/token\n`), "      - nothing/nothing\n"},
	{"status does not arrive", regexp.MustCompile(`(?m)^      - [a-z]+/status\n`), "      - nothing/nothing\n"},
	{"ephemeral containers do not arrive", regexp.MustCompile(`(?m)^      - pods/ephemeralcontainers\n`), "      - nothing/nothing\n"},
	{"connections do not arrive", regexp.MustCompile(`(?m)^      - CONNECT\n`), "      - CREATE\n"},
	{"a name with a port is another name", regexp.MustCompile(`request\.name\.split\(':'\)\.size\(\) == 3 \? request\.name\.split\(':'\)\[1\] : request\.name\.split\(':'\)\[0\]`), "request.name"},
	{"the parameter of any name", regexp.MustCompile(`variables\.requestName == variables\.name`), "true"},
	{"parameters must be there", regexp.MustCompile(`parameterNotFoundAction: Allow`), "parameterNotFoundAction: Deny"},
	{"parameters are others", regexp.MustCompile(`(?m)^(    selector:\n      matchExpressions:\n      - key: ).*$`), "${1}other"},
	{"the authorizer is not asked", regexp.MustCompile(`authorizer\.group\([^\n]*?\.allowed\(\)`), "false"},
	{"everybody may", regexp.MustCompile(`authorizer\.group\([^\n]*?\.allowed\(\)`), "true"},
	{"another verb is asked about", regexp.MustCompile(`\.check\('[^']*'\)`), ".check('other')"},
	{"another lock is asked about", regexp.MustCompile(`\.resource\('locks'\)(.*?)\.name\('[^']*'\)`), ".resource('locks')$1.name('other')"},
	{"owners may change", regexp.MustCompile(`variables\.owners != variables\.newOwners`), "false"},
	{"definitions do not arrive", regexp.MustCompile(`(?m)^      - customresourcedefinitions\n`), "      - nothing\n"},
	{"API services do not arrive", regexp.MustCompile(`(?m)^      - apiservices\n`), "      - nothing\n"},
	{"namespaces do not arrive", regexp.MustCompile(`(?m)^      - namespaces\n`), "      - nothing\n"},
	{"roles do not arrive", regexp.MustCompile(`(?m)^      - (cluster)?roles\n`), "      - nothing\n"},
	{"bindings of roles do not arrive", regexp.MustCompile(`(?m)^      - (cluster)?rolebindings\n`), "      - nothing\n"},
	{"secrets do not arrive", regexp.MustCompile(`(?m)^      - secrets\n`), "      - nothing\n"},
	{"templates do not arrive", regexp.MustCompile(`(?m)^      - (deployments|replicasets|statefulsets|daemonsets|jobs|cronjobs|podtemplates|replicationcontrollers)\n`), "      - nothing\n"},
	{"impersonation is another verb", regexp.MustCompile(`'impersonate'`), "'imitate'"},
	{"tokens are another subresource", regexp.MustCompile(`'serviceaccounts/token'`), "'serviceaccounts/tokens'"},
	{"cluster-admin is another role", regexp.MustCompile(`'cluster-admin'`), "'cluster-user'"},
	{"another account", regexp.MustCompile(`(\.serviceAccountName (?:==|in) \[?)'[^']*'`), "${1}'other'"},
	{"another label of templates", regexp.MustCompile(`(template\.metadata\.labels\.[a-z]+ == )'[^']*'`), "${1}'other'"},
	{"another type of secret", regexp.MustCompile(`'kubernetes\.io/service-account-token'`), "'Opaque'"},
	{"another actor is named", regexp.MustCompile(`\(actor [a-z0-9-]+ of policy`), "(actor other of policy"},
	{"nothing is bound", regexp.MustCompile(`(?m)^  policyName: (.*)$`), "  policyName: other"},
}

// TestJudgesNotice breaks every manifest in ways that a compiler could, and shows that cases fail. A mistake that no row
// notices is a hole in the rows.
func TestJudgesNotice(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	all := slices.DeleteFunc(rows(t), func(r *row) bool { return r.err != nil || r.byHand || r.manifest == nil })
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			applies := 0
			var noticed []string
			for _, r := range all {
				broken := m.from.ReplaceAll(r.manifest, []byte(m.to))
				if string(broken) == string(r.manifest) {
					continue
				}
				applies++
				if notices(r, broken) {
					noticed = append(noticed, r.name)
				}
			}
			if len(noticed) == 0 {
				t.Errorf("no row of %d notices", applies)
			}
			t.Logf("%d of %d rows notice: %v", len(noticed), applies, noticed)
		})
	}
}

// notices says whether a case of the row is answered otherwise, or not at all.
func notices(r *row, manifest []byte) bool {
	e, err := evaluator.New(manifest)
	if err != nil {
		return true
	}
	for _, c := range r.cases {
		verdict, err := e.Judge(&c.Request)
		if err != nil || len(verdict.Otherwise) > 0 || c.Check(verdict.Verdict, append(verdict.Messages, verdict.Warnings...)) != "" {
			return true
		}
	}
	return false
}

// TestLiveJudgeNotices shows the same of a running server, for the example of the beginning.
func TestLiveJudgeNotices(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	r := compiled("examples/payments.klock")
	if r.err != nil {
		t.Fatal(r.err)
	}
	c := cluster.ForTest(t, cluster.Options{})
	judge, err := live.New(c)
	if err != nil {
		t.Fatal(err)
	}
	// What is wrong stays wrong.
	judge.Patience = 300 * time.Millisecond
	ctx := context.Background()
	// The outcomes of the true manifest come first.
	files := []*live.File{{Manifest: r.manifest, Cases: r.cases}}
	names := []string{""}
	for _, m := range mutations {
		broken := m.from.ReplaceAll(r.manifest, []byte(m.to))
		if string(broken) != string(r.manifest) && notices(r, broken) {
			files = append(files, &live.File{Manifest: broken, Cases: r.cases})
			names = append(names, m.name)
		}
	}
	if err := judge.Prepare(ctx, files); err != nil {
		t.Fatal(err)
	}
	for i, f := range files {
		outcomes, err := judge.Run(ctx, f)
		if err != nil {
			t.Fatal(err)
		}
		problems := 0
		for _, o := range outcomes {
			if o.Problem != "" {
				problems++
			}
		}
		if i == 0 && problems != 0 || i > 0 && problems == 0 {
			t.Errorf("%q: %d problems", names[i], problems)
		}
		t.Logf("%q: %d of %d cases fail", names[i], problems, len(outcomes))
	}
}
