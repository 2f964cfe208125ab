package e2e

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/differential"
	"klock.dev/e2e/evaluator"
)

// What klockc takes for a quantity: compiler/data/quantity.h.
var quantityPattern = regexp.MustCompile(`^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)(|[KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})$`)

func isQuantity(text string) bool { return len(text) < 64 && quantityPattern.MatchString(text) }

func randomQuantity(r *rand.Rand) string {
	digits := func(most int) string {
		var b strings.Builder
		for range r.IntN(most + 1) {
			b.WriteByte("0011234567899"[r.IntN(13)])
		}
		return b.String()
	}
	text := []string{"", "", "", "-", "+"}[r.IntN(5)] + digits([]int{2, 4, 20, 45}[r.IntN(4)])
	if r.IntN(3) == 0 {
		text += "." + digits([]int{2, 12, 25}[r.IntN(3)])
	}
	suffixes := []string{"", "", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "e3", "E-2", "e+12", "e-30", "e99", "e100", "K", "i", "x", " "}
	return text + suffixes[r.IntN(len(suffixes))]
}

// A spelling of about the same worth.
func neighbour(r *rand.Rand, text string) string {
	q, err := resource.ParseQuantity(text)
	if err != nil || !isQuantity(text) || strings.ContainsAny(text, "eE") {
		return randomQuantity(r)
	}
	switch r.IntN(3) {
	case 0:
		return q.String()
	case 1:
		return q.AsDec().String()
	default:
		return text + "0"
	}
}

func quantityRequest(a, b string) *cases.Request {
	return &cases.Request{
		Operation: "DELETE", Version: "v1", Resource: "configmaps", Kind: "ConfigMap", Scope: "Namespaced",
		Namespace: "default", Name: "c", User: cases.User{Username: "alice"},
		OldObject: map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap",
			"metadata": map[string]any{"name": "c", "namespace": "default", "labels": map[string]any{"a": a}, "annotations": map[string]any{"b": b}},
			"data":     map[string]any{"a": a, "b": b},
		},
		NamespaceObject: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "default"}},
	}
}

// TestQuantities holds klockc's quantities against the API server's own, and the evaluator against both.
func TestQuantities(t *testing.T) {
	t.Parallel()
	const policy = "policy p\n" +
		"lock lt {\n resources configmaps\n namespace default\n where label a < annotation b\n deny delete\n exempt lifecycle guard no owners, no namespace }\n" +
		"lock le {\n resources configmaps\n namespace default\n where label a <= annotation b\n deny delete\n exempt lifecycle guard no owners, no namespace }\n" +
		"lock gt {\n resources configmaps\n namespace default\n where field data.a > annotation b\n deny delete\n exempt lifecycle guard no owners, no namespace }\n" +
		"lock ge {\n resources configmaps\n namespace default\n where field data.a >= field data.b\n deny delete\n exempt lifecycle guard no owners, no namespace }\n"
	o, err := differential.Start(oracle(t))
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	const pairs, asked = 20000, 1000
	r := rand.New(rand.NewPCG(8, 3))
	var requests []*cases.Request
	var wants []string
	for range pairs {
		a := randomQuantity(r)
		b := randomQuantity(r)
		if r.IntN(2) == 0 {
			b = neighbour(r, a)
		}
		want := ""
		if isQuantity(a) && isQuantity(b) {
			x, errX := resource.ParseQuantity(a)
			y, errY := resource.ParseQuantity(b)
			if errX != nil || errY != nil {
				t.Fatalf("the API server takes %q or %q for no quantity: %v, %v", a, b, errX, errY)
			}
			want = []string{"le lt", "ge le", "ge gt"}[x.Cmp(y)+1]
		}
		wants = append(wants, want)
		requests = append(requests, quantityRequest(a, b))
	}
	answer, err := o.Ask(policy, requests, true)
	if err != nil {
		t.Fatal(err)
	}
	if answer.Status != "ok" {
		t.Fatal(answer.Diagnostics)
	}
	e, err := evaluator.New([]byte(answer.Manifest))
	if err != nil {
		t.Fatal(err)
	}
	met := map[string]int{}
	for i, decision := range answer.Decisions {
		var locks []string
		for _, lock := range decision.Locks {
			locks = append(locks, lock[strings.LastIndexAny(lock, "/ ")+1:])
		}
		got := strings.Join(locks, " ")
		met[wants[i]]++
		labels := requests[i].OldObject["metadata"].(map[string]any)
		pair := fmt.Sprint(labels["labels"], labels["annotations"])
		if got != wants[i] {
			t.Errorf("%s: klockc %q, the API server %q", pair, got, wants[i])
		}
		if i >= asked {
			continue
		}
		verdict, err := e.Judge(requests[i])
		if err != nil {
			t.Fatal(err)
		}
		if (verdict.Verdict == "denied") != (wants[i] != "") {
			t.Errorf("%s: the evaluator says %s, expected %q", pair, verdict.Verdict, wants[i])
		}
	}
	for _, want := range []string{"", "le lt", "ge le", "ge gt"} {
		if met[want] < pairs/100 {
			t.Errorf("only %d pairs are %q", met[want], want)
		}
	}
}
