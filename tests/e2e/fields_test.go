package e2e

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// news are things that were not seen before.
type news map[string]bool

// has says whether any of the things is new, and remembers all of them.
func (n news) has(things ...string) bool {
	found := false
	for _, thing := range things {
		found = found || !n[thing]
		n[thing] = true
	}
	return found
}

// enumerated are the values that an API knows by name.
var enumerated = regexp.MustCompile(`^[A-Z][A-Za-z]*$`)

// fieldsOf are the fields that an object has, with the values by which a server may treat it otherwise. What a server does to an
// object that it stores depends on nothing else.
func fieldsOf(object *unstructured.Unstructured) string {
	fields := map[string]bool{}
	var read func(path string, value any)
	read = func(path string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for key, inner := range v {
				read(path+"/"+key, inner)
			}
			return
		case []any:
			for _, inner := range v {
				read(path+"/*", inner)
			}
			if len(v) > 0 {
				return
			}
		}
		if text := fmt.Sprint(value); enumerated.MatchString(text) {
			path += "=" + text
		}
		fields[path] = true
	}
	read(object.GetAPIVersion()+" "+object.GetKind(), object.Object)
	return strings.Join(slices.Sorted(maps.Keys(fields)), "\n")
}

var (
	literal  = regexp.MustCompile(`'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\b[0-9]+\b`)
	anyList  = regexp.MustCompile(`L(?:\s*,\s*L)+`)
	ofPolicy = regexp.MustCompile(`\bvariables\.(\w+)`)
	ofObject = regexp.MustCompile(`\b(object|oldObject)\b`)
	ofParams = regexp.MustCompile(`\bparams\b`)
)

// questions are what type checkers have been asked: an expression, with the variables that it reads, of a resource and a kind of
// parameters as far as it reads these. Which texts and numbers stand in it makes no difference.
type questions struct {
	seen    news
	sheets  map[string]*sheet
	ordered []*sheet
}

// sheet is a policy that puts all questions about a resource and a kind of parameters at once: a type checker begins anew with
// each expression, and then goes through all variables of the policy.
type sheet struct {
	policy    *admissionv1.ValidatingAdmissionPolicy
	questions []string
	length    int
	variables map[string]bool
	from      []string
}

// longest is how long a sheet becomes: CEL takes no more than 100 000 characters, and checks long ones slowly.
const longest = 12_000

// renamed are the variables of a policy under names that are alike for variables of one type: their own names with a hash of how
// they come about.
type renamed struct {
	names  map[string]string
	shapes map[string]string
	needs  map[string][]string
	all    []admissionv1.Variable
}

// shape is what an expression looks like to a type checker, and the variables that it needs.
func (r *renamed) shape(expression string) (string, []string) {
	var needed []string
	text := literal.ReplaceAllString(expression, "L")
	text = ofPolicy.ReplaceAllStringFunc(anyList.ReplaceAllString(text, "L, L"), func(variable string) string {
		name := strings.TrimPrefix(variable, "variables.")
		needed = append(append(needed, r.needs[name]...), name)
		return r.shapes[name]
	})
	// What is behind the sum says what the rest of the question is about.
	sum := fmt.Sprintf("<%x", sha256.Sum256([]byte(text)))
	for _, subject := range []*regexp.Regexp{ofObject, ofParams} {
		if found := subject.FindString(text); found != "" {
			sum += " " + found
		}
	}
	return sum + ">", needed
}

func (r *renamed) text(expression string) string {
	return ofPolicy.ReplaceAllStringFunc(expression, func(variable string) string {
		return "variables." + r.names[strings.TrimPrefix(variable, "variables.")]
	})
}

func newRenamed(variables []admissionv1.Variable) *renamed {
	r := &renamed{names: map[string]string{}, shapes: map[string]string{}, needs: map[string][]string{}, all: variables}
	for _, v := range variables {
		r.shapes[v.Name], r.needs[v.Name] = r.shape(v.Expression)
		r.names[v.Name] = v.Name + "_" + r.shapes[v.Name][1:17]
	}
	return r
}

// add puts those questions of a policy that are new on sheets: its validations, which are all that a type checker looks at, with
// the variables that they need.
func (q *questions) add(policy *admissionv1.ValidatingAdmissionPolicy, from string) {
	variables := newRenamed(policy.Spec.Variables)
	for _, v := range policy.Spec.Validations {
		for text, question := range map[string]string{v.Expression: "(%s)", v.MessageExpression: "(%s) != ''"} {
			if text == "" {
				continue
			}
			shape, needed := variables.shape(text)
			for _, rule := range checkedResources(policy) {
				asked := shape
				if ofObject.MatchString(shape) {
					asked += fmt.Sprint(" ", rule.Rule)
				}
				if ofParams.MatchString(shape) {
					asked += fmt.Sprint(" ", *policy.Spec.ParamKind)
				}
				if q.seen.has(asked) {
					q.sheetFor(rule, policy.Spec.ParamKind).add(fmt.Sprintf(question, variables.text(text)), variables, needed, from)
				}
			}
		}
	}
}

// sheetFor is the last sheet about a resource and a kind of parameters, or a new one where that is full.
func (q *questions) sheetFor(rule admissionv1.NamedRuleWithOperations, params *admissionv1.ParamKind) *sheet {
	key := fmt.Sprint(rule.Rule, params)
	if params != nil {
		key = fmt.Sprint(rule.Rule, *params)
	}
	if s := q.sheets[key]; s != nil && s.length < longest {
		return s
	}
	s := &sheet{policy: &admissionv1.ValidatingAdmissionPolicy{}, variables: map[string]bool{}}
	s.policy.Name = fmt.Sprintf("checked-%d", len(q.ordered))
	s.policy.Spec.ParamKind = params
	s.policy.Spec.MatchConstraints = &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{rule}}
	q.sheets[key] = s
	q.ordered = append(q.ordered, s)
	return s
}

func (s *sheet) add(question string, variables *renamed, needed []string, from string) {
	s.questions = append(s.questions, question)
	s.length += len(question)
	for _, v := range variables.all {
		name := variables.names[v.Name]
		if slices.Contains(needed, v.Name) && !s.variables[name] {
			s.variables[name] = true
			s.policy.Spec.Variables = append(s.policy.Spec.Variables, admissionv1.Variable{Name: name, Expression: variables.text(v.Expression)})
		}
	}
	if !slices.Contains(s.from, from) {
		s.from = append(s.from, from)
	}
	s.policy.Spec.Validations = []admissionv1.Validation{{Expression: "[" + strings.Join(s.questions, ",\n") + "].all(answer, answer)"}}
}

// checkedResources are rules of one resource each, for those that a type checker looks at: it leaves wildcards and subresources
// out, and stops at the tenth.
func checkedResources(policy *admissionv1.ValidatingAdmissionPolicy) []admissionv1.NamedRuleWithOperations {
	var all []admissionv1.NamedRuleWithOperations
	for _, rule := range policy.Spec.MatchConstraints.ResourceRules {
		count := 0
		for _, group := range slices.Sorted(slices.Values(rule.APIGroups)) {
			for _, version := range slices.Sorted(slices.Values(rule.APIVersions)) {
				for _, resource := range slices.Sorted(slices.Values(rule.Resources)) {
					if strings.ContainsAny(group+version+resource, "*/") {
						continue
					}
					one := admissionv1.NamedRuleWithOperations{}
					one.Operations = []admissionv1.OperationType{admissionv1.OperationAll}
					one.Rule = admissionv1.Rule{APIGroups: []string{group}, APIVersions: []string{version}, Resources: []string{resource}}
					all = append(all, one)
					if count++; count == 10 {
						return all
					}
				}
			}
		}
	}
	return all
}
