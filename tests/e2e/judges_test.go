package e2e

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/differential"
	"klock.dev/e2e/evaluator"
	"klock.dev/e2e/live"
)

// mutation is a mistake that a compiler could make, in a manifest as blocks writes it. In parentheses a constant stays a text.
type mutation struct {
	name string
	from *regexp.Regexp
	to   string
}

// blocks is a manifest with a line for each element of a list and each field, however klockc lays it out.
func blocks(manifest []byte) ([]byte, error) {
	objects, err := evaluator.Objects(manifest)
	if err != nil {
		return nil, err
	}
	var all bytes.Buffer
	for _, object := range objects {
		text, err := yaml.Marshal(object.Object)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&all, "---\n%s", text)
	}
	return all.Bytes(), nil
}

var mutations = []mutation{
	{"no exemption", regexp.MustCompile(`(?m)^ *&& !\((variables\.controlPlane\b|variables\.user == 'system:apiserver')[^\n]*$`), ""},
	{"everybody is exempt", regexp.MustCompile(`&& !\((variables\.controlPlane\b|variables\.user == 'system:apiserver')[^\n]*`), "&& false"},
	{"another label value", regexp.MustCompile(`== 'red'`), "== 'blue'"},
	{"the actor is refused", regexp.MustCompile(`(?m)^ *&& (variables\.user|request\.userInfo\.username) != '[^']*'$`), ""},
	{"another actor", regexp.MustCompile(`(&& (?:variables\.user|request\.userInfo\.username) != ')[^']*'`), "${1}nobody'"},
	{"changes do not matter", regexp.MustCompile(`variables\.(contentChanged|metadataChanged|changedButFinalizers)\b`), "(request.operation == 'UPDATE')"},
	{"no label guard", regexp.MustCompile(`request\.operation == 'UPDATE' && variables\.newLabels\b`), "false && variables.newLabels"},
	{"deletes do not arrive", regexp.MustCompile(`(?m)^      - DELETE\n`), ""},
	{"updates do not arrive", regexp.MustCompile(`(?m)^      - UPDATE\n(      - DELETE\n)`), "$1"},
	{"subresources do not arrive", regexp.MustCompile(`(?m)^      - '?[a-z*]+/[a-z]+'?\n`), "      - nothing/nothing\n"},
	{"the new object decides", regexp.MustCompile(`\boldObject(\.metadata\.\?labels)`), "object$1"},
	{"terminating objects are locked", regexp.MustCompile(`has\((oldObject|params|dyn\((oldObject|params)\))\.metadata\.deletionTimestamp\)`), "(false)"},
	{"terminating namespaces are locked", regexp.MustCompile(`has\(namespaceObject\.metadata\.deletionTimestamp\)`), "(false)"},
	{"any namespace", regexp.MustCompile(`request\.namespace == '[^']*'`), "(true)"},
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
	{"the parameter of any name", regexp.MustCompile(`request\.\?name\.orValue\(''\) == params\.metadata\.name`), "(true)"},
	{"parameters must be there", regexp.MustCompile(`parameterNotFoundAction: Allow`), "parameterNotFoundAction: Deny"},
	{"parameters are others", regexp.MustCompile(`(?m)^(    selector:\n      matchLabels:\n        ).*$`), "${1}other: other"},
	{"the authorizer is not asked", regexp.MustCompile(`authorizer\.group\([^\n]*?\.allowed\(\)`), "(false)"},
	{"everybody may", regexp.MustCompile(`authorizer\.group\([^\n]*?\.allowed\(\)`), "(true)"},
	{"another verb is asked about", regexp.MustCompile(`\.check\('[^']*'\)`), ".check('other')"},
	{"another lock is asked about", regexp.MustCompile(`\.resource\('locks'\)(.*?)\.name\('[^']*'\)`), ".resource('locks')$1.name('other')"},
	{"owners may change", regexp.MustCompile(`variables\.owners != variables\.newOwners`), "(false)"},
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
	{"another label of templates", regexp.MustCompile(`(template\.metadata\.labels\.[a-z]+\.orValue\(''\) [!=]= )'[^']*'`), "${1}'other'"},
	{"another type of secret", regexp.MustCompile(`'kubernetes\.io/service-account-token'`), "'Opaque'"},
	{"another actor is named", regexp.MustCompile(`\(actor [a-z0-9-]+ of policy`), "(actor other of policy"},
	{"nothing is bound", regexp.MustCompile(`(?m)^  policyName: (.*)$`), "  policyName: other"},
}

// TestJudgesNotice breaks every manifest in ways that a compiler could, and shows that cases fail. A mistake that no row
// notices is a hole in the rows. The compiler's own admission judges every broken manifest. The API server's evaluator judges
// one of those that are noticed and one of those that are not, and must say the same.
func TestJudgesNotice(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	asked, err := differential.Start(oracle(t))
	if err != nil {
		t.Fatal(err)
	}
	defer asked.Close()
	all := slices.DeleteFunc(rows(t), func(r *row) bool { return r.err != nil || r.byHand || r.manifest == nil })
	written := map[*row][]byte{}
	for _, r := range all {
		if written[r], err = blocks(r.manifest); err != nil {
			t.Fatal(err)
		}
		if problem := judged(t, asked, r, written[r]); problem != "" {
			t.Errorf("%s, as it is: %s", r.name, problem)
		}
	}
	evaluated := 0
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			var noticed, unnoticed []string
			for _, r := range all {
				broken := m.from.ReplaceAll(written[r], []byte(m.to))
				if string(broken) == string(written[r]) {
					continue
				}
				problem := judged(t, asked, r, broken)
				alike := &unnoticed
				if problem != "" {
					alike = &noticed
				}
				if len(*alike) == 0 {
					evaluated++
					if notices(r, broken) != (problem != "") {
						t.Errorf("%s: the API server's evaluator answers otherwise than the compiler's admission: %q", r.name, problem)
					}
				}
				*alike = append(*alike, r.name)
			}
			if len(noticed) == 0 {
				t.Errorf("no row of %d notices", len(unnoticed))
			}
			t.Logf("%d of %d rows notice: %v", len(noticed), len(noticed)+len(unnoticed), noticed)
		})
	}
	t.Logf("notices: %d mistakes, %d broken manifests by the API server's evaluator", len(mutations), evaluated)
}

// judged says what the compiler's own admission answers otherwise than the cases of the row expect.
func judged(t *testing.T, asked *differential.Oracle, r *row, manifest []byte) string {
	t.Helper()
	requests := make([]*cases.Request, len(r.cases))
	for i, c := range r.cases {
		requests[i] = &c.Request
	}
	answer, err := asked.Judge(manifest, r.comments.minor(), requests)
	if err != nil {
		t.Fatal(err)
	}
	if answer.Refused != "" {
		return answer.Refused
	}
	for i, c := range r.cases {
		given := &answer.Judged[i]
		if given.Problem != "" {
			return fmt.Sprintf("%s: %s", c, given.Problem)
		}
		if problem := c.Check(given.Verdict, append(given.Messages, given.Warnings...)); problem != "" {
			return problem
		}
	}
	return ""
}

// notices says whether the API server's evaluator answers a case of the row otherwise, or not at all.
func notices(r *row, manifest []byte) bool {
	e, err := evaluator.NewFor(manifest, r.comments.minor())
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
	// What is wrong stays wrong, and one problem is enough.
	judge.Patience, judge.Brief = 300*time.Millisecond, true
	ctx := context.Background()
	// The outcomes of the true manifest come first.
	manifest, err := blocks(r.manifest)
	if err != nil {
		t.Fatal(err)
	}
	files := []*live.File{{Manifest: manifest, Cases: r.cases}}
	names := []string{""}
	for _, m := range mutations {
		broken := m.from.ReplaceAll(manifest, []byte(m.to))
		if string(broken) != string(manifest) && notices(r, broken) {
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
		last := outcomes[len(outcomes)-1]
		if (last.Problem != "") != (i > 0) {
			t.Errorf("%q: %d cases, and the last problem is %q", names[i], len(outcomes), last.Problem)
		}
		t.Logf("%q: %d cases are asked", names[i], len(outcomes))
	}
}
