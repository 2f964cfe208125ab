package e2e

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	seen  news
	count int
}

// of are policies that put those questions of a policy that are new: its validations, which are all that a type checker looks
// at, with what they need.
func (q *questions) of(policy *admissionv1.ValidatingAdmissionPolicy) []*admissionv1.ValidatingAdmissionPolicy {
	shapes, needs := map[string]string{}, map[string]map[string]bool{}
	// Names of variables make no difference either.
	shape := func(expression string) (string, map[string]bool) {
		needed := map[string]bool{}
		text := literal.ReplaceAllString(expression, "L")
		text = ofPolicy.ReplaceAllStringFunc(anyList.ReplaceAllString(text, "L, L"), func(variable string) string {
			name := strings.TrimPrefix(variable, "variables.")
			needed[name] = true
			maps.Copy(needed, needs[name])
			return shapes[name]
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
	for _, v := range policy.Spec.Variables {
		shapes[v.Name], needs[v.Name] = shape(v.Expression)
	}
	isNew := func(resource, expression string) bool {
		text, _ := shape(expression)
		if ofObject.MatchString(text) {
			text += " " + resource
		}
		if ofParams.MatchString(text) {
			text += fmt.Sprint(" ", *policy.Spec.ParamKind)
		}
		return q.seen.has(text)
	}
	// For each validation that is checked a type checker goes through all variables of the policy.
	var asked []*admissionv1.ValidatingAdmissionPolicy
	for _, v := range policy.Spec.Validations {
		var rules []admissionv1.NamedRuleWithOperations
		for _, r := range checkedResources(policy) {
			expression := isNew(fmt.Sprint(r.Rule), v.Expression)
			if message := isNew(fmt.Sprint(r.Rule), v.MessageExpression); expression || message {
				rules = append(rules, r)
			}
		}
		if rules == nil {
			continue
		}
		q.count++
		p := &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("checked-%d", q.count)}}
		p.Spec.ParamKind = policy.Spec.ParamKind
		p.Spec.MatchConstraints = &admissionv1.MatchResources{ResourceRules: rules}
		p.Spec.Validations = []admissionv1.Validation{v}
		_, needed := shape(v.Expression)
		_, more := shape(v.MessageExpression)
		maps.Copy(needed, more)
		for _, variable := range policy.Spec.Variables {
			if needed[variable.Name] {
				p.Spec.Variables = append(p.Spec.Variables, variable)
			}
		}
		asked = append(asked, p)
	}
	return asked
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
