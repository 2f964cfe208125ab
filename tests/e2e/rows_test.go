package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/evaluator"
	"klock.dev/e2e/live"
)

// row is a policy whose cases every judge answers.
type row struct {
	name        string
	manifest    []byte
	diagnostics []cases.Diagnostic
	cases       []*cases.Case
	comments    comments
	byHand      bool
	err         error
}

// comments are the expectations of a file that a test block cannot say: tests/rows/README.md.
type comments struct {
	errors, warnings []string
	output, noOutput []string
	options          []string
	rbac             []string
}

func readComments(path string) (comments, error) {
	var c comments
	text, err := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimPrefix(line, "# "), ": ")
		value = strings.TrimSpace(value)
		switch key {
		case "expect-error":
			c.errors = append(c.errors, value)
		case "expect-warning":
			c.warnings = append(c.warnings, value)
		case "expect-output":
			c.output = append(c.output, value)
		case "expect-no-output":
			c.noOutput = append(c.noOutput, value)
		case "expect-options":
			c.options = append(c.options, strings.Fields(value)...)
		case "rbac":
			c.rbac = append(c.rbac, value)
		}
	}
	return c, err
}

// minor is that of the oldest server that the file is compiled for.
func (c *comments) minor() uint {
	for i, option := range c.options {
		if n, ok := strings.CutPrefix(option, "1."); ok && i > 0 && c.options[i-1] == "--kubernetes" {
			if minor, err := strconv.ParseUint(n, 10, 16); err == nil {
				return max(uint(minor), evaluator.Oldest)
			}
		}
	}
	return evaluator.Oldest
}

// checkOutput compares what klockc printed with the comments.
func (r *row) checkOutput(t *testing.T) {
	t.Helper()
	for _, expected := range append(r.comments.errors, r.comments.warnings...) {
		code, place, _ := strings.Cut(expected, " ")
		found := slices.ContainsFunc(r.diagnostics, func(d cases.Diagnostic) bool {
			return d.Code == code && (place == "" || place == fmt.Sprintf("%d:%d", d.Line, d.Column))
		})
		if !found {
			t.Errorf("no diagnostic %s:\n%v", expected, r.diagnostics)
		}
	}
	for _, text := range r.comments.output {
		if !strings.Contains(string(r.manifest), text) {
			t.Errorf("the manifest does not contain %q", text)
		}
	}
	for _, text := range r.comments.noOutput {
		if strings.Contains(string(r.manifest), text) {
			t.Errorf("the manifest contains %q", text)
		}
	}
}

// rows are the manifests whose cases are written by hand, and every policy that klockc compiles.
func rows(t *testing.T) []*row {
	t.Helper()
	all, err := allRows()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(cases.Klockc()); errors.Is(err, os.ErrNotExist) {
		t.Logf("no klockc at %s: only hand-written manifests are judged", cases.Klockc())
	}
	return slices.Clone(all)
}

// allRows compiles each file once for all tests.
var allRows = sync.OnceValues(func() ([]*row, error) {
	rows := []*row{byHand("table"), byHand("shapes"), byHand("ways")}
	if _, err := os.Stat(cases.Klockc()); errors.Is(err, os.ErrNotExist) {
		return rows, nil
	}
	files, err := cases.Files(append([]string{"tests/rows/*.klock", "tests/e2e/testdata/subresources.klock", "tests/e2e/testdata/covers.klock"}, cases.ExampleFiles...)...)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if file, err = filepath.Rel(cluster.Root(), file); err != nil {
			return nil, err
		}
		rows = append(rows, compiled(file))
	}
	return rows, nil
})

func compiled(file string) *row {
	r := &row{name: strings.TrimSuffix(filepath.Base(file), ".klock")}
	if r.comments, r.err = readComments(filepath.Join(cluster.Root(), file)); r.err != nil {
		return r
	}
	if r.diagnostics, r.err = cases.Diagnose(append(r.comments.options, file)...); r.err != nil {
		return r
	}
	r.manifest, _, r.err = cases.Compile(append(r.comments.options, file)...)
	if len(r.comments.errors) > 0 {
		// The file is about its errors. There is nothing to ask.
		r.manifest = nil
		if r.err == nil {
			r.err = errors.New("klockc finds no error")
		} else {
			r.err = nil
		}
	} else if r.err == nil {
		r.cases, r.err = cases.Load(append(r.comments.options, file)...)
	}
	return r
}

func byHand(name string) *row {
	path := filepath.Join(cluster.Root(), "tests", "e2e", "testdata", name)
	r := &row{name: name, byHand: true}
	if r.manifest, r.err = os.ReadFile(path + ".yaml"); r.err != nil {
		return r
	}
	var printed []byte
	if printed, r.err = os.ReadFile(path + ".json"); r.err == nil {
		r.cases, r.err = cases.Parse(printed)
	}
	return r
}

func TestRowsEvaluator(t *testing.T) {
	t.Parallel()
	for _, r := range rows(t) {
		t.Run(r.name, func(t *testing.T) {
			if r.err != nil {
				t.Fatal(r.err)
			}
			r.checkOutput(t)
			e, err := evaluator.NewFor(r.manifest, r.comments.minor())
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range r.cases {
				verdict, err := e.Judge(&c.Request)
				if err != nil {
					t.Errorf("%s: %v", c, err)
					continue
				}
				if problem := c.Check(verdict.Verdict, append(verdict.Messages, verdict.Warnings...)); problem != "" {
					t.Error(problem)
				}
				if problem := c.CheckCalls(verdict.Called); problem != "" {
					t.Error(problem)
				}
				for _, otherwise := range verdict.Otherwise {
					t.Errorf("%s: %s", c, otherwise)
				}
			}
		})
	}
}

// Most of the time of a row is waiting until a server has taken its policies over, so that the rows of a minor are dealt out to
// several control planes: TestRowsLive/1.37/0/L01.
func TestRowsLive(t *testing.T) {
	t.Parallel()
	const shares = 3
	for _, minor := range cluster.MinorsForTest(t) {
		for share := range shares {
			t.Run(fmt.Sprintf("%s/%d", minor, share), func(t *testing.T) {
				t.Parallel()
				askRows(t, minor, share, shares)
			})
		}
	}
}

// askRows asks the cases of every third row, if there are three shares.
func askRows(t *testing.T, minor string, share, shares int) {
	ctx := context.Background()
	files := map[*row]*live.File{}
	var own []*row
	var list, all []*live.File
	for i, r := range rows(t) {
		if i%shares == share {
			own = append(own, r)
		}
		if r.err != nil || isStatic(r.comments) || !cluster.AtLeast(minor, fmt.Sprintf("1.%d", r.comments.minor())) {
			continue
		}
		file := &live.File{Manifest: r.manifest, Cases: r.cases}
		all = append(all, file)
		if i%shares == share {
			files[r] = file
			list = append(list, file)
		}
	}
	// Where only a few rows are wanted, the other shares start nothing.
	judge := sync.OnceValue(func() *live.Judge {
		judge, err := live.New(cluster.ForTest(t, cluster.Options{Minor: minor}))
		if err != nil {
			t.Fatal(err)
		}
		if err := judge.Define(ctx, all); err != nil {
			t.Fatal(err)
		}
		if err := judge.Prepare(ctx, list); err != nil {
			t.Fatal(err)
		}
		return judge
	})
	asked, skipped := 0, 0
	for _, r := range own {
		t.Run(r.name, func(t *testing.T) {
			if r.err != nil {
				t.Fatal(r.err)
			}
			if files[r] == nil {
				t.Skip("it is for static manifests, which TestStaticRows asks, or for newer servers")
			}
			outcomes, err := judge().Run(ctx, files[r])
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range r.comments.rbac {
				checkAccess(t, judge(), line)
			}
			for _, o := range outcomes {
				switch {
				case o.Skipped != "":
					skipped++
					t.Logf("not asked: %s: %s", o.Case, o.Skipped)
				case o.Problem != "":
					t.Error(o.Problem)
					asked++
				default:
					asked++
				}
			}
		})
	}
	t.Logf("%d cases asked, %d not", asked, skipped)
}

// checkAccess asks what a comment "USER[,group=GROUP...] VERB RESOURCE|PATH NAMESPACE[/NAME] allowed|denied" says.
func checkAccess(t *testing.T, judge *live.Judge, line string) {
	t.Helper()
	fields := strings.Fields(line)
	if len(fields) != 5 {
		t.Errorf("not understood: rbac: %s", line)
		return
	}
	names := strings.Split(fields[0], ",")
	user := cases.User{Username: names[0], Groups: []string{"system:authenticated"}}
	for _, name := range names[1:] {
		user.Groups = append(user.Groups, strings.TrimPrefix(name, "group="))
	}
	if account, ok := strings.CutPrefix(user.Username, "system:serviceaccount:"); ok {
		namespace, _, _ := strings.Cut(account, ":")
		user.Groups = append(user.Groups, "system:serviceaccounts", "system:serviceaccounts:"+namespace)
	}
	expected := fields[4] == cases.Allowed
	spec := authorizationv1.SubjectAccessReviewSpec{User: user.Username, Groups: user.Groups}
	resource, subresource, _ := strings.Cut(fields[2], "/")
	resource, group, _ := strings.Cut(resource, ".")
	namespace, name, _ := strings.Cut(fields[3], "/")
	if namespace == "-" {
		namespace = ""
	}
	if strings.HasPrefix(fields[2], "/") {
		spec.NonResourceAttributes = &authorizationv1.NonResourceAttributes{Path: fields[2], Verb: fields[1]}
	} else {
		spec.ResourceAttributes = &authorizationv1.ResourceAttributes{
			Namespace: namespace, Name: name, Verb: fields[1], Group: group, Resource: resource, Subresource: subresource,
		}
	}
	allowed, err := judge.Access(context.Background(), spec, expected)
	if err != nil {
		t.Error(err)
	} else if allowed != expected {
		t.Errorf("RBAC answers otherwise: %s", line)
	}
}
