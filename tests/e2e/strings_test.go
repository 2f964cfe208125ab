package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	yamlv3 "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"klock.dev/e2e/differential"
	"klock.dev/e2e/evaluator"
	"klock.dev/e2e/unique"
)

// place is somewhere in a policy where a string may stand; %s is the string as a klock literal.
type place struct {
	name, policy string
	found        func(o *output, text string) bool
}

const (
	lockHead  = "policy p\nlock l {\n resources configmaps\n namespace default\n deny update, delete\n guard none\n "
	grantHead = "policy p\nactor a = user alice\n"
)

var stringPlaces = []place{
	{"label value", lockHead + "labels k = %s\n}", inConstant},
	{"label values", lockHead + "labels k in (%s, other)\n}", inConstant},
	{"label key", lockHead + "labels %s = v\n}", inConstant},
	{"label order", lockHead + "labels k > %s\n}", inConstant},
	{"annotation value", lockHead + "annotations k = %s\n}", inConstant},
	{"annotation key", lockHead + "annotations %s\n}", inConstant},
	{"annotation contains", lockHead + "annotations k contains %s\n}", inConstant},
	{"annotation matches", lockHead + "annotations k matches %s\n}", inConstant},
	{"annotation like", lockHead + "annotations k like %s\n}", inPattern},
	{"name", lockHead + "name %s\n}", inConstant},
	{"name condition", lockHead + "where name != %s\n}", inConstant},
	{"namespace", "policy p\nlock l {\n resources configmaps\n namespace %s\n deny delete\n all objects\n}", inConstant},
	{"namespace label", "policy p\nlock l {\n resources configmaps\n namespace labeled k = %s\n deny delete\n all objects\n}", inConstant},
	{"field value", lockHead + "where field spec.x = %s\n}", inConstant},
	{"field values", lockHead + "where field spec.x in (%s, 5, true)\n}", inConstant},
	{"field contains", lockHead + "where field spec.x contains %s\n}", inConstant},
	{"field key", lockHead + "where field spec[%s] = v\n}", inPath},
	{"element key", lockHead + "where any spec.x as e (e[%s] = v)\n}", inPath},
	{"read annotation", lockHead + "where label k = annotation %s\n}", inConstant},
	{"read label", lockHead + "where annotation k != label %s\n}", inConstant},
	{"read field", lockHead + "where annotation k = old field spec[%s]\n}", inPath},
	{"any annotation", lockHead + "where any annotation like %s\n}", inPattern},
	{"changing", lockHead + "changing spec[%s]\n}", inPath},
	{"changing label", lockHead + "changing metadata.labels[%s]\n}", inKey},
	{"except changing", lockHead + "except changing spec[%s]\n}", inConstant},
	{"user", lockHead + "all objects\n exclusive user %s\n}", inConstant},
	{"group", lockHead + "all objects\n exclusive group %s\n}", inConstant},
	{"uid", lockHead + "all objects\n exclusive uid %s\n}", inConstant},
	{"extra key", lockHead + "all objects\n exclusive user a with extra %s = v\n}", inConstant},
	{"extra value", lockHead + "all objects\n exclusive user a with extra k = %s\n}", inConstant},
	{"break-glass", lockHead + "all objects\n break-glass user %s\n}", inConstant},
	{"user condition", lockHead + "where user = %s\n}", inConstant},
	{"message", lockHead + "all objects\n message %s\n}", inMessage},
	{"owner", lockHead + "all objects\n owner %s\n}", inMessage},
	{"ticket", lockHead + "all objects\n ticket %s\n}", inMessage},
	{"lock name", "policy p\nlock %s {\n resources configmaps\n namespace default\n deny delete\n all objects\n}", inMessage},
	{"policy name", "policy %s\nlock l {\n resources configmaps\n namespace default\n deny delete\n all objects\n}", inValue},
	{"unless", lockHead + "all objects\n unless annotation k = %s\n}", inConstant},
	{"table", lockHead + "annotations k = %[1]s\n message %[1]s\n}\nlock m {\n resources configmaps\n namespace default\n deny update, delete\n annotations k = v\n guard none\n}\nlock n {\n resources configmaps\n namespace default\n deny update, delete\n annotations k = w\n guard none\n}", func(o *output, text string) bool {
		inKey, inTable := false, false
		for constant := range o.constants {
			inKey = inKey || strings.HasPrefix(constant, "/default/") && strings.HasSuffix(constant, "/"+text)
			inTable = inTable || strings.HasPrefix(constant, "denied, ") && strings.Contains(constant, text+" (lock l of")
		}
		return inKey && inTable
	}},
	{"granted user", grantHead + "grant g to user %s {\n resources configmaps\n namespace default\n allow get\n}", inValue},
	{"granted group", grantHead + "grant g to group %s {\n resources configmaps\n namespace default\n allow get\n}", inValue},
	{"granted name", grantHead + "grant g to a {\n resources configmaps\n namespace default\n name %s\n allow get\n}", inValue},
	{"grant name", grantHead + "grant %s to a {\n resources configmaps\n namespace default\n allow get\n}", func(*output, string) bool { return true }},
	{"granted account", grantHead + "grant g to sa %s {\n resources configmaps\n namespace default\n allow get\n}", func(o *output, text string) bool {
		namespace, name, _ := strings.Cut(text, "/")
		return inValue(o, namespace) && inValue(o, name)
	}},
}

// output is what was read back from a manifest.
type output struct {
	objects   []any
	values    map[string]bool // all strings of the objects
	constants map[string]bool // of their expressions
	fields    map[string]bool // that expressions select
	messages  []string
	shape     string // of the expressions, without constants
}

func inConstant(o *output, text string) bool { return o.constants[text] }
func inKey(o *output, text string) bool {
	if strings.ContainsAny(text, "*?") {
		return inPattern(o, text)
	}
	return inPath(o, text)
}
func inPath(o *output, text string) bool  { return o.constants[text] || o.fields[text] }
func inValue(o *output, text string) bool { return o.values[text] }

func inMessage(o *output, text string) bool {
	for _, message := range o.messages {
		if strings.Contains(message, text) {
			return true
		}
	}
	return false
}

// A glob that means itself is a pattern that matches it.
func inPattern(o *output, text string) bool {
	if strings.ContainsAny(text, "*?[\\") {
		return true
	}
	for constant := range o.constants {
		if pattern, err := regexp.Compile(constant); err == nil && strings.HasPrefix(constant, "^") && pattern.MatchString(text) && !pattern.MatchString(text+"x") {
			return true
		}
	}
	for constant := range o.constants {
		if pattern, err := regexp.Compile("(?s)" + constant); err == nil && constant != "" && pattern.MatchString(text) {
			return true
		}
	}
	return false
}

func (o *output) read(value any, key string, parse parser) error {
	switch v := value.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			o.values[k] = true
			if err := o.read(v[k], k, parse); err != nil {
				return err
			}
		}
	case []any:
		for _, inner := range v {
			if err := o.read(inner, key, parse); err != nil {
				return err
			}
		}
	case string:
		o.values[v] = true
		switch key {
		case "message":
			o.messages = append(o.messages, v)
		case "expression", "messageExpression", "valueExpression":
			parsed, err := parse(v)
			if err != nil {
				return fmt.Errorf("%s: %w", v, err)
			}
			var shape strings.Builder
			ast.PreOrderVisit(parsed, ast.NewExprVisitor(func(e ast.Expr) {
				fmt.Fprintf(&shape, "%d", e.Kind())
				switch e.Kind() {
				case ast.LiteralKind:
					if text, ok := e.AsLiteral().(types.String); ok {
						o.constants[string(text)] = true
						if key == "messageExpression" {
							o.messages = append(o.messages, string(text))
						}
					}
				case ast.SelectKind:
					o.fields[e.AsSelect().FieldName()] = true
				case ast.CallKind:
					shape.WriteString(e.AsCall().FunctionName())
				}
			}))
			if key == "expression" {
				o.shape += shape.String() + "\n"
			}
		}
	}
	return nil
}

// parser reads an expression.
type parser func(expression string) (ast.Expr, error)

// newParser reads each expression once: most of them are the same in all manifests.
func newParser() (parser, error) {
	env, err := cel.NewEnv(cel.OptionalTypes())
	known := map[string]ast.Expr{}
	return func(expression string) (ast.Expr, error) {
		if parsed := known[expression]; parsed != nil {
			return parsed, nil
		}
		parsed, issues := env.Parse(expression)
		if issues.Err() != nil {
			return nil, issues.Err()
		}
		known[expression] = parsed.NativeRep().Expr()
		return known[expression], nil
	}, err
}

// readBack reads a manifest with everything that users may read it with, and finds the same.
func readBack(answer *differential.Answer, parse parser) (*output, error) {
	o := &output{values: map[string]bool{}, constants: map[string]bool{}, fields: map[string]bool{}}
	for _, text := range []string{answer.Manifest, answer.JSON} {
		if err := unique.Check([]byte(text)); err != nil {
			return nil, err
		}
	}
	var list struct{ Items []any }
	if err := json.Unmarshal([]byte(answer.JSON), &list); err != nil {
		return nil, err
	}
	var third []any
	decoder := yamlv3.NewDecoder(strings.NewReader(answer.Manifest))
	for {
		var object any
		if decoder.Decode(&object) != nil {
			break
		}
		third = append(third, object)
	}
	var objects []any
	for _, document := range strings.Split("\n"+answer.Manifest, "\n---\n")[1:] {
		var object any
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	if !reflect.DeepEqual(list.Items, objects) {
		return nil, fmt.Errorf("JSON and YAML differ:\n%v\n%v", list.Items, objects)
	}
	if normal, _ := json.Marshal(third); !jsonEqual(normal, objects) {
		return nil, fmt.Errorf("two readers of YAML differ:\n%v\n%v", third, objects)
	}
	o.objects = objects
	return o, o.read(objects, "", parse)
}

func jsonEqual(text []byte, objects []any) bool {
	var other []any
	return json.Unmarshal(text, &other) == nil && reflect.DeepEqual(other, objects)
}

// TestStrings puts awkward strings wherever a policy takes strings. Either klockc says what is wrong, or what is read
// back from YAML, JSON and CEL is what was written, and the expressions are built as they are with a harmless string. klockc's
// own readers read everything, and those of Kubernetes each string once for each way in which strings are written, and an
// eighth of the rest.
func TestStrings(t *testing.T) {
	t.Parallel()
	asked, err := differential.Start(oracle(t))
	if err != nil {
		t.Fatal(err)
	}
	defer asked.Close()
	parse, err := newParser()
	if err != nil {
		t.Fatal(err)
	}
	texts := differential.Awkward()
	for c := rune(1); c < 0x100; c++ {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter {
			texts = append(texts, string(c), "a"+string(c)+"b")
		}
	}
	for _, c := range []rune{0x2028, 0x2029, 0xfeff, 0xfffd, 0xfffe, 0xffff, 0xd7ff, 0xe000, 0x10000, 0x1f600, 0x10ffff, 0x200b, 0x202e} {
		texts = append(texts, "a"+string(c)+"b", string(c))
	}
	texts = append(texts, "ns/name", "kube.system", "a-b", strings.Repeat("x", 63), strings.Repeat("é", 300))

	accepted, refused, again := 0, 0, 0
	seen := news{}
	for i := range stringPlaces {
		p := &stringPlaces[i]
		t.Run(p.name, func(t *testing.T) {
			compile := func(text string, manifest bool) *differential.Answer {
				answer, err := asked.Read(fmt.Sprintf(p.policy, p.quote(text)), manifest)
				if err != nil {
					t.Fatal(err)
				}
				return answer
			}
			var shapes [2]string
			for _, harmless := range []string{"abcxyz", "default/abcxyz"} {
				if answer := compile(harmless, true); answer.Status == "ok" {
					o, err := readBack(answer, parse)
					if err != nil {
						t.Fatal(err)
					}
					shapes = [2]string{answer.Read.Shape, o.shape}
					break
				}
			}
			taken := 0
			for j, text := range texts {
				answer := compile(text, false)
				if answer.Status == "errors" {
					refused++
					if !strings.Contains(answer.Diagnostics, "error: ") {
						t.Errorf("%q is refused without an error: %s", text, answer.Diagnostics)
					}
					continue
				}
				if answer.Status != "ok" || answer.Refused != "" {
					t.Errorf("%q: %s %s", text, answer.Status, answer.Refused)
					continue
				}
				taken++
				p.check(t, text, outputOf(answer.Read), shapes[0])
				// The first place of its kind where a string is taken, and others in turn.
				if !seen.has(p.kind()+text) && (i+j)%8 != 0 {
					continue
				}
				again++
				answer = compile(text, true)
				o, err := readBack(answer, parse)
				if err != nil {
					t.Errorf("%q: %v", text, err)
					continue
				}
				p.check(t, text, o, shapes[1])
				// The whole must compile as well; a share suffices, as the strings were found again.
				if again%8 == 0 {
					if _, err := evaluator.New([]byte(answer.Manifest)); err != nil {
						t.Errorf("%q: %v", text, err)
					}
				}
			}
			accepted += taken
			if taken == 0 {
				t.Error("no string is taken here")
			}
		})
	}
	t.Logf("strings: %d found again, %d of them by other readers as well, %d refused", accepted, again, refused)
}

// quote writes a string as a policy has it. In names of users and groups and in extras a brace begins what the object says, and two are one.
func (p *place) quote(text string) string {
	switch p.name {
	case "user", "group", "uid", "extra value", "break-glass", "granted user", "granted group":
		text = strings.ReplaceAll(text, "{", "{{")
	}
	return differential.Quote(text)
}

// kind names how the strings of the place are found: places that are alike in this write them in the same way.
func (p *place) kind() string { return runtime.FuncForPC(reflect.ValueOf(p.found).Pointer()).Name() }

// check looks for a string in what was read back of a policy that holds it in this place.
func (p *place) check(t *testing.T, text string, o *output, shape string) {
	t.Helper()
	if !p.found(o, text) {
		t.Errorf("%q is not found again in\n%+v", text, o)
	}
	switch p.name {
	case "field key", "read field", "element key", "changing", "changing label", "except changing":
		// A key that is a word is selected, another is an index.
	default:
		if text != "" && o.shape != shape {
			t.Errorf("%q changes the structure of expressions:\n%+v", text, o)
		}
	}
	for _, object := range o.objects {
		checkNames(t, text, object)
	}
}

// outputOf is what klockc's own readers have found.
func outputOf(read *differential.Read) *output {
	set := func(texts []string) map[string]bool {
		all := map[string]bool{}
		for _, text := range texts {
			all[text] = true
		}
		return all
	}
	return &output{objects: read.Objects, values: set(read.Values), constants: set(read.Constants), fields: set(read.Fields),
		messages: read.Messages, shape: read.Shape}
}

// nearGroups and nearPolicies end like words that klockc writes behind them.
var (
	nearGroups   = []string{"example.com", "example.com-by-name", "example.com-warn", "example.com-objects", "example.com-2", "example.com.tier", "example.com--tier"}
	nearPolicies = []string{"p", "p-objects", "p-warn", "p-ignore", "p-evictions", "p-scale", "p--scale", "p-scale--widgets.example.com", "p-objects-2", "p.tier", "p-b", "p-deployer"}
	nearLabels   = []string{"tier", "tier-new", "tier_new", "tier.new", "tierNew", "tier-2", "tier2", "a/tier", "b/tier"}
	nearLocks    = []string{"a-b", "a_b", "a.b", "aB", "a--b", "a (status)", "a (guard namespace)", "a", "b", "b-c", "c"}
)

// nearFile is a policy of words that nearly coincide with each other and with those of the other files.
func nearFile(policy string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "policy %q\ndeployer group platform\n", policy)
	for i, group := range nearGroups {
		fmt.Fprintf(&b, "resource widgets.%s/v1 namespaced kind Widget subresources scale, status\n", group)
		for j, rest := range []string{"name n\n deny update, delete", "labels tier=a\n deny scale", "labels o=a\n deny scale", "labels tier\n deny scale\n mode warn", "name m\n deny delete\n mode warn\n on error allow"} {
			fmt.Fprintf(&b, "lock g-%d-%d {\n resources widgets.%s\n namespace default\n %s\n exempt lifecycle }\n", i, j, group, rest)
		}
		fmt.Fprintf(&b, "lock every-%d {\n resources *.%s\n namespace default\n name n\n deny scale\n exempt lifecycle }\n", i, group)
	}
	for i, label := range nearLabels {
		for j, exempt := range []string{"lifecycle", "controllers"} {
			for _, value := range []string{"x", "y"} {
				fmt.Fprintf(&b, "lock l-%d-%d-%s {\n resources pods\n namespace default\n labels %q = %s\n deny delete, exec\n exclusive user u\n exempt %s\n break-glass group g\n guard no owners, no namespace, no crd }\n", i, j, value, label, value, exempt)
			}
		}
	}
	for i, lock := range nearLocks {
		fmt.Fprintf(&b, "lock %q {\n resources pods, pods/status\n namespace default\n annotations k%d\n deny update, delete\n guard labels, namespace, owners, no crd\n exclusive user u%d, may pass-%d\n exempt lifecycle }\n", lock, i, i, i%2)
		fmt.Fprintf(&b, "lock %q {\n resources secrets\n namespace default\n annotations k%d\n deny update\n break-glass group g\n exempt lifecycle }\n", "glass "+lock, i)
		if !strings.Contains(lock, " ") {
			fmt.Fprintf(&b, "grant %q to user u {\n resources pods\n namespace default\n allow get\n}\n", lock)
		}
	}
	return b.String()
}

// TestNearNames compiles policies of words that nearly coincide, apart as teams do it, and looks for two objects of one name
// among all of them; names that are cut are among them. Each must compile in the API server's evaluator as well.
func TestNearNames(t *testing.T) {
	t.Parallel()
	asked, err := differential.Start(oracle(t))
	if err != nil {
		t.Fatal(err)
	}
	defer asked.Close()
	parse, err := newParser()
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 252)
	owners := map[string]string{}
	for _, policy := range append(slices.Clone(nearPolicies), long+"y", long+"z") {
		answer, err := asked.Ask(nearFile(policy), nil, true)
		if err != nil || answer.Status != "ok" {
			t.Fatalf("%s: %v %+v", policy, err, answer)
		}
		o, err := readBack(answer, parse)
		if err != nil {
			t.Errorf("%s: %v", policy, err)
			continue
		}
		for _, object := range o.objects {
			checkNames(t, policy, object)
			fields := object.(map[string]any)
			metadata := fields["metadata"].(map[string]any)
			id := fmt.Sprintf("%v %v/%v", fields["kind"], metadata["namespace"], metadata["name"])
			if other, ok := owners[id]; ok {
				t.Errorf("%s and %s both have the %s", other, policy, id)
			}
			owners[id] = policy
		}
		if _, err := evaluator.New([]byte(answer.Manifest)); err != nil {
			t.Errorf("%s: %v", policy, err)
		}
	}
	t.Logf("near names: %d objects", len(owners))
}

// checkNames makes sure that the API server would take the metadata.
func checkNames(t *testing.T, text string, object any) {
	t.Helper()
	fields := object.(map[string]any)
	metadata := fields["metadata"].(map[string]any)
	name := metadata["name"].(string)
	if kind := fields["kind"].(string); !strings.Contains(kind, "Role") {
		if problems := validation.IsDNS1123Subdomain(name); problems != nil {
			t.Errorf("%q gives a %s the name %q", text, kind, name)
		}
	}
	labels, _ := metadata["labels"].(map[string]any)
	for key, value := range labels {
		if problems := append(validation.IsQualifiedName(key), validation.IsValidLabelValue(value.(string))...); problems != nil {
			t.Errorf("%q gives the label %s=%q", text, key, value)
		}
	}
}
