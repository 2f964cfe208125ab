// Command cel-oracle gives expressions to the driver (its first argument) and to the API server's own compiler and
// evaluator, and prints every disagreement on whether an expression is accepted, on what it comes to and on what that costs:
// the driver's cost must not be below the server's, and not more than twice as high. The expressions are those of
// expressions.txt and, with -count, generated ones. It fails when there is a disagreement.
package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"sort"
	"strconv"
	"strings"

	"github.com/google/cel-go/cel"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

//go:embed expressions.txt
var written string

type condition struct{ text string }

func (c condition) GetExpression() string    { return c.text }
func (c condition) ReturnTypes() []*cel.Type { return []*cel.Type{cel.BoolType} }

const request = `{"kind":{"group":"apps","version":"v1","kind":"Deployment"},"resource":{"group":"apps","version":"v1","resource":"deployments"},
"requestKind":{"group":"apps","version":"v1","kind":"Deployment"},"requestResource":{"group":"apps","version":"v1","resource":"deployments"},
"name":"web","namespace":"prod","operation":"UPDATE","userInfo":{"username":"alice","uid":"u1","groups":["devs","system:authenticated"],"extra":{"k":["v","w"]}},
"dryRun":false,"options":{"fieldManager":"kubectl"}}`

// Long enough for costs that depend on sizes.
var (
	long  = strings.Repeat("long é ", 60)
	many  = strings.Repeat("1, 22, 333, ", 40) + "4"
	words = strings.Repeat(`"alpha", "be", `, 15) + `"gamma-delta-epsilon-zeta"`
)

var object = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"prod","labels":{"app":"web","a/b":"c","tier":"é日"},
"finalizers":["x/y"]},"spec":{"replicas":3,"ratio":1.5,"whole":2.5e0,"paused":false,"none":null,"text":"3","empty":"","negative":-7,"big":9223372036854775807,
"list":["a","b","a"],"numbers":[3,1,2],"mixed":[1,"a",null,2.5],"long":"` + long + `","many":[` + many + `],"words":[` + words + `],"nested":{"x":{"y":[{"z":1},{"z":2}]}},"emptyList":[],"emptyMap":{},
"containers":[{"name":"c1","image":"reg.io/a:1","ports":[80,443]},{"name":"c2","image":"other/b"}]}}`

const oldObject = `{"metadata":{"name":"web","labels":{"app":"old"}},"spec":{"replicas":2,"list":["b"],"text":"x","paused":true,"ratio":1.0e0,"mixed":[]}}`

const namespace = `{"metadata":{"name":"prod","labels":{"env":"prod"},"generation":1},"spec":{"finalizers":["kubernetes"]},"status":{"phase":"Active"}}`

// object, oldObject, request, namespaceObject
var environments = [][4]string{
	{object, oldObject, request, namespace},
	{object, `null`, `{"kind":{"group":"","version":"v1","kind":"Node"},"resource":{"group":"","version":"v1","resource":"nodes"},"operation":"CREATE","userInfo":{},"dryRun":true,"options":null,"requestKind":{"group":"","version":"v1","kind":"Node"},"requestResource":{"group":"","version":"v1","resource":"nodes"}}`, `null`},
	{`null`, oldObject, request, namespace},
	{`{"metadata":{"name":"x","labels":null},"spec":"text","list":[[1],[2,3]],"d":0.0,"t":true}`, `{"metadata":{},"spec":[1,2]}`, request, `null`},
}

// Numbers as the API server reads them: integers stay integers.
func decode(text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		panic(err)
	}
	return numbers(v)
}

func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		f, err := v.Float64()
		if err != nil {
			panic(err)
		}
		return f
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	}
	return v
}

func encode(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("n\x00")
	case bool:
		fmt.Fprintf(b, "%c\x00", map[bool]byte{true: 't', false: 'f'}[v])
	case int64:
		fmt.Fprintf(b, "i%d\x00", v)
	case float64:
		fmt.Fprintf(b, "d%g\x00", v)
	case string:
		fmt.Fprintf(b, "s%s\x00", v)
	case []any:
		fmt.Fprintf(b, "l%d\x00", len(v))
		for _, item := range v {
			encode(b, item)
		}
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		fmt.Fprintf(b, "m%d\x00", len(v))
		for _, k := range keys {
			b.WriteString(k + "\x00")
			encode(b, v[k])
		}
	}
}

type judge struct {
	compiler plugincel.Compiler
	inputs   []map[string]any
}

func (j *judge) verdict(text string) (result, why string, costs []uint64) {
	// The compiler itself panics on some expressions; the API server turns that into a refusal.
	defer func() {
		if r := recover(); r != nil {
			result, why, costs = "E", fmt.Sprint("panic: ", r), nil
		}
	}()
	return j.judge(text)
}

// What the expression comes to in each environment, and what that costs.
func (j *judge) judge(text string) (string, string, []uint64) {
	result := j.compiler.CompileCELExpression(condition{text}, plugincel.OptionalVariableDeclarations{}, environment.NewExpressions)
	if result.Error != nil {
		return "E", result.Error.Error(), nil
	}
	var verdict, why strings.Builder
	var costs []uint64
	for _, input := range j.inputs {
		value, details, err := result.Program.Eval(input)
		costs = append(costs, *details.ActualCost())
		switch {
		case err != nil:
			verdict.WriteByte('X')
			why.WriteString(err.Error() + "; ")
		case value.Value() == true:
			verdict.WriteByte('1')
		case value.Value() == false:
			verdict.WriteByte('0')
		default:
			verdict.WriteByte('?')
		}
	}
	return verdict.String(), why.String(), costs
}

// Servers go through maps in any order, and some orders cost more: the most that was seen.
func (j *judge) dearest(text string, costs []uint64) []uint64 {
	const tries = 64
	for n := 0; n < tries; n++ {
		_, _, again := j.verdict(text)
		for i, cost := range again {
			costs[i] = max(costs[i], cost)
		}
	}
	return costs
}

// How many of the costs, as the driver has printed them, are below the server's or more than twice as high. Where
// releases differ, and the answer is not known, neither is what comes of it; and where an evaluation fails, servers count
// nothing of what they had begun.
func compareCosts(verdict, answer string, costs []uint64, tally map[string]int) (wrong int) {
	for i, field := range strings.Split(answer, ",") {
		cost, err := strconv.ParseUint(field, 10, 64)
		switch {
		case verdict[i] == 'D':
			tally["costs that are not known"]++
		case err != nil || cost < costs[i] || cost > 2*costs[i] && verdict[i] != 'X':
			wrong++
		case cost == costs[i]:
			tally["costs that are equal"]++
		default:
			tally["costs that are higher"]++
		}
	}
	return wrong
}

// Where releases differ, the driver says so, and any answer will do.
func agrees(answer, expected string) bool {
	if len(answer) != len(expected) {
		return false
	}
	for i := range answer {
		if answer[i] != expected[i] && answer[i] != 'D' {
			return false
		}
	}
	return true
}

// The expressions of the file that servers of this minor take as later ones do.
func readWritten(minor uint) []string {
	var list []string
	for _, line := range strings.Split(written, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if since, rest, ok := strings.Cut(line, "|"); ok {
			if n, err := strconv.ParseUint(since, 10, 8); err == nil {
				if minor < uint(n) {
					continue
				}
				line = rest
			}
		}
		if rest, ok := strings.CutPrefix(line, "@"); ok {
			line = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t").Replace(rest)
		}
		list = append(list, line)
	}
	return list
}

// Chains and nests around our limit of depth: what we accept must be accepted there.
func deep() []string {
	var list []string
	for n := 85; n < 110; n++ {
		list = append(list,
			strings.Repeat("(", n)+"true"+strings.Repeat(")", n),
			"1"+strings.Repeat("+1", n)+" == 1",
			"object"+strings.Repeat(".a", n)+" == 1",
			"object"+strings.Repeat("[0]", n)+" == 1",
			strings.Repeat("true ? false : ", n)+"true",
			strings.Repeat("!(", n)+"true"+strings.Repeat(")", n),
			"'a'"+strings.Repeat(".trim()", n)+" == 'a'",
			strings.Repeat("[", n)+strings.Repeat("]", n)+" == []",
			strings.Repeat("size([", n)+"1"+strings.Repeat("])", n)+" == 1",
			"true"+strings.Repeat(" && true", n*10),
			"dyn(1)"+strings.Repeat(" == 1", n),
			strings.Repeat("[1].all(x, ", n/3)+"true"+strings.Repeat(")", n/3),
			strings.Repeat("{'a': ", n)+"1"+strings.Repeat("}", n)+" == {'a': 1}",
		)
	}
	return list
}

var leaves = []string{
	"1", "2", "0", "-1", "3u", "0u", "1.5", "0.0", "-2.5", "'a'", "'web'", "''", "\"b\"", "true", "false", "null", "[]", "{}", "[1, 2]", "['a', 'b']", "[1.5]", "[[1]]",
	"{'a': 1}", "{1: 'x'}", "{'k': ['v']}", "x", "x", "int", "string", "object", "oldObject", "request", "namespaceObject", "object.spec", "object.spec.replicas", "object.spec.text",
	"object.spec.long", "object.spec.many", "object.spec.words", "object.spec.list", "object.spec.mixed", "object.spec.numbers", "object.spec.ratio", "object.spec.none", "object.spec.paused", "object.spec.containers", "object.metadata.labels", "object.metadata.name",
	"oldObject.spec.replicas", "oldObject.spec.list", "request.name", "request.namespace", "request.userInfo.groups", "request.userInfo.extra", "request.userInfo.username", "request.dryRun",
	"request.options", "request.kind", "request.subResource", "request.nothing", "namespaceObject.metadata.labels", "namespaceObject.metadata.generation", "object.spec.nested.x.y", "object.d", "object.t", "object.list",
	"b'ab'", "timestamp('2024-02-29T12:30:00.5Z')", "timestamp(0)", "duration('90m')", "duration('-1.5s')", "optional.none()", "optional.of(1)", "optional.of('a')", "object.?spec.text",
	"object.?nothing.x", "object.spec.list[?0]", "quantity('1.5Gi')", "quantity('100m')", "quantity('3')", "url('https://a.b:8/c%20d?e=f')", "ip('10.0.0.1')", "cidr('10.0.0.0/8')", "semver('1.2.3-a')",
	"format.dns1123Label()", "[optional.of(1)]", "{?'a': object.?spec.text}", "[?object.?x, 'z']", "'10.0.0.1'", "'10.0.0.0/8'", "'1.5Gi'", "'2024-02-29T12:30:00Z'", "'90m'", "'1.2.3'", "'https://a/b'", "'Europe/Berlin'", "'+02:30'",
	"'é日x'", "9223372036854775807", "18446744073709551615u", "1e300", "'1'", "'true'", "'a,b,c'", "' a '",
}

var binary = []string{"+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||"}
var members = []string{"size()", "contains(%s)", "startsWith(%s)", "endsWith(%s)", "matches(%s)", "lowerAscii()", "upperAscii()", "trim()", "split(%s)", "split(%s, %s)", "join()", "join(%s)",
	"replace(%s, %s)", "replace(%s, %s, %s)", "substring(%s)", "substring(%s, %s)", "indexOf(%s)", "indexOf(%s, %s)", "lastIndexOf(%s)", "lastIndexOf(%s, %s)", "charAt(%s)", "isSorted()", "sum()", "min()", "max()",
	"hasValue()", "value()", "orValue(%s)", "or(%s)", "?a", "?spec", "?b.c", "first()", "last()", "unwrapOpt()", "format([%s])", "format([%s, %s])", "format(%s)", "find(%s)", "findAll(%s)", "findAll(%s, %s)",
	"getFullYear()", "getMonth()", "getDate()", "getDayOfWeek()", "getDayOfYear()", "getHours()", "getHours(%s)", "getMinutes(%s)", "getSeconds()", "getMilliseconds()",
	"add(%s)", "sub(%s)", "isLessThan(%s)", "isGreaterThan(%s)", "compareTo(%s)", "isInteger()", "asInteger()", "asApproximateFloat()", "major()", "getScheme()", "getHost()", "getPort()", "getEscapedPath()", "getQuery()",
	"family()", "isLoopback()", "containsIP(%s)", "containsCIDR(%s)", "masked()", "prefixLength()", "ip()", "validate(%s)", "slice(%s, %s)", "flatten()", "flatten(%s)", "sort()", "reverse()", "distinct()"}
var globals = []string{"size(%s)", "string(%s)", "int(%s)", "uint(%s)", "double(%s)", "bool(%s)", "type(%s)", "dyn(%s)", "matches(%s, %s)", "has(%s.a)", "has(%s.spec)", "has(%s.labels)",
	"optional.of(%s)", "optional.ofNonZeroValue(%s)", "sets.contains(%s, %s)", "sets.equivalent(%s, %s)", "sets.intersects(%s, %s)", "strings.quote(%s)", "bytes(%s)", "timestamp(%s)", "duration(%s)",
	"quantity(%s)", "isQuantity(%s)", "sign(%s)", "url(%s)", "isURL(%s)", "ip(%s)", "isIP(%s)", "cidr(%s)", "isCIDR(%s)", "semver(%s)", "isSemver(%s)", "isSemver(%s, true)", "lists.range(%s)", "optional.unwrap(%s)", "has(%s.?spec.a)"}
var macros = []string{"all(x, %s)", "exists(x, %s)", "exists_one(x, %s)", "map(x, %s)", "map(x, %s, %s)", "filter(x, %s)", "optMap(x, %s)", "optFlatMap(x, %s)",
	"all(k, x, %s)", "exists(k, x, %s)", "existsOne(k, x, %s)", "transformList(k, x, %s)", "transformList(k, x, %s, %s)", "transformMap(k, x, %s)", "transformMapEntry(k, x, %s)", "sortBy(x, %s)"}

func fill(r *rand.Rand, form string, depth int) string {
	for strings.Contains(form, "%s") {
		form = strings.Replace(form, "%s", generate(r, depth), 1)
	}
	return form
}

func pick(r *rand.Rand, list []string) string { return list[r.Intn(len(list))] }

func generate(r *rand.Rand, depth int) string {
	if depth <= 0 {
		return pick(r, leaves)
	}
	switch r.Intn(16) {
	case 0, 1, 2, 3:
		return generate(r, depth-1) + " " + pick(r, binary) + " " + generate(r, depth-1-r.Intn(2))
	case 4:
		return "(" + generate(r, depth-1) + ")"
	case 5:
		return pick(r, []string{"!", "-", "!!", "--"}) + generate(r, depth-1)
	case 6:
		return generate(r, depth-1) + " ? " + generate(r, depth-1) + " : " + generate(r, depth-1)
	case 7, 8:
		return generate(r, depth-1) + "." + fill(r, pick(r, members), depth-1-r.Intn(2))
	case 9:
		return fill(r, pick(r, globals), depth-1)
	case 10, 11:
		return generate(r, depth-1) + "." + fill(r, pick(r, macros), depth-1)
	case 12:
		return generate(r, depth-1) + pick(r, []string{"[", "[?"}) + generate(r, depth-2) + "]"
	case 13:
		if r.Intn(2) == 0 {
			return "'" + pick(r, []string{"%s", "%d", "%s %s", "%f", "%.2f", "%x", "%b", "%e"}) + "'.format([" + generate(r, depth-1) + "])"
		}
		return "[" + generate(r, depth-1) + ", " + generate(r, depth-1) + "]"
	case 14:
		return "dyn(" + generate(r, depth-1) + ")"
	default:
		return pick(r, leaves)
	}
}

// Most things that are generated at random are no bool, so one is made of them.
func predicate(r *rand.Rand) string {
	a, b := generate(r, r.Intn(4)), generate(r, r.Intn(2))
	switch r.Intn(6) {
	case 0:
		return a
	case 1:
		return "dyn(" + a + ") == " + b
	case 2:
		return "dyn(" + a + ") " + pick(r, binary[5:12]) + " dyn(" + b + ")"
	case 3:
		return "(" + a + ") " + pick(r, binary) + " (" + b + ") == dyn(" + generate(r, 1) + ")"
	case 4:
		return "[dyn(1), dyn('a'), dyn(" + b + ")]." + pick(r, []string{"all", "exists", "exists_one"}) + "(x, x == dyn(" + a + "))"
	default:
		return a + " == " + b
	}
}

// An expression with a few characters more or less, for the lexer and the grammar.
func mangle(r *rand.Rand, text string) string {
	runes := []rune(text)
	alphabet := []rune("'\"\\()[]{}.,?:!=<>&|+-*/%_ \n\r\tabrx019uUeE`é#")
	for n := 1 + r.Intn(3); n > 0; n-- {
		at := r.Intn(len(runes) + 1)
		if at < len(runes) && r.Intn(2) == 0 {
			runes = append(runes[:at:at], runes[at+1:]...)
		} else {
			runes = append(runes[:at:at], append([]rune{alphabet[r.Intn(len(alphabet))]}, runes[at:]...)...)
		}
	}
	return string(runes)
}

func main() {
	seed := flag.Int64("seed", 1, "seed of the generator")
	count := flag.Int("count", 0, "number of generated expressions")
	minor := flag.Uint("minor", 0, "the server whose CEL is asked for, 30 for 1.30; 0 for the module's own")
	flag.Parse()
	if *minor == 0 {
		*minor = ownMinor
	}
	j := judge{compiler: plugincel.NewCompiler(environmentOf(*minor))}
	var input bytes.Buffer
	fmt.Fprintf(&input, "%d\x00%d\x00", *minor, len(environments))
	for _, e := range environments {
		m := map[string]any{}
		for i, name := range []string{"object", "oldObject", "request", "namespaceObject"} {
			m[name] = decode(e[i])
			encode(&input, m[name])
		}
		j.inputs = append(j.inputs, m)
	}
	expressions := append(readWritten(*minor), deep()...)
	r := rand.New(rand.NewSource(*seed))
	for i := 0; i < *count; i++ {
		if i%5 == 0 {
			expressions = append(expressions, mangle(r, expressions[r.Intn(len(expressions))]))
			continue
		}
		expressions = append(expressions, predicate(r))
	}
	for _, e := range expressions {
		input.WriteString(e + "\x00")
	}
	command := exec.Command(flag.Arg(0))
	command.Stdin, command.Stderr = &input, os.Stderr
	output, err := command.Output()
	answers := strings.Split(strings.TrimSuffix(string(output), "\n"), "\n")
	if err != nil || len(answers) != len(expressions) {
		fmt.Fprintf(os.Stderr, "driver: %v, %d answers to %d expressions\n", err, len(answers), len(expressions))
		os.Exit(2)
	}
	tally, wrong := map[string]int{}, 0
	for i, e := range expressions {
		answer, text, _ := strings.Cut(answers[i], " ")
		expected, why, costs := j.verdict(e)
		if answer[0] == 'N' {
			// Where an older server is imitated, cel-go is too new to know.
			tally["needs a newer server"]++
			if expected != "E" && *minor == ownMinor {
				wrong++
				fmt.Printf("%q: accepted there (%s), for newer servers here: %s\n", e, expected, answers[i])
			}
			continue
		}
		if answer[0] == 'U' {
			tally["not supported"]++
			if expected == "E" {
				tally["not supported, refused there too"]++
			}
			continue
		}
		if answer[0] == 'E' {
			tally["refused"]++
			// Servers before 1.31 look at the arguments of format() only when they evaluate.
			if *minor < 31 && strings.Contains(answers[i], "format()") {
				continue
			}
			if expected != "E" {
				wrong++
				fmt.Printf("%q: accepted there (%s), refused here: %s\n", e, expected, answers[i])
			}
			continue
		}
		tally["accepted"]++
		if !agrees(answer, expected) {
			wrong++
			fmt.Printf("%q: %s there, %s here: %s\n", e, expected, answer, strings.ReplaceAll(why, "\n", " "))
			continue
		}
		ours, text, _ := strings.Cut(text, " ")
		if *minor == ownMinor && compareCosts(answer, ours, costs, map[string]int{}) > 0 {
			costs = j.dearest(e, costs)
		}
		// What imitates an older server counts as its own release does.
		if *minor == ownMinor && compareCosts(answer, ours, costs, tally) > 0 {
			wrong++
			fmt.Printf("%q: costs %v there, %s here\n", e, costs, ours)
		}
		if again, _, _ := j.verdict("(" + text + ")"); again != expected {
			wrong++
			fmt.Printf("%q: on one line it is %q: %s there instead of %s\n", e, text, again, expected)
		}
	}
	fmt.Printf("%d expressions in %d environments: %v; %d disagreements\n", len(expressions), len(environments), tally, wrong)
	if wrong > 0 {
		os.Exit(1)
	}
}
