package differential

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/evaluator"
)

// recordedFailure is the annotation of refusals that only go to the audit log.
const recordedFailure = "validation.policy.admission.k8s.io/validation_failure"

var brokenBy = regexp.MustCompile(`(?s)^lock (.*?) broken by ?(.*)$`)

var lockNamed = regexp.MustCompile(`\((?:lock|actor) (\S+) of policy p; `)

// compareJudges tells what is different between the verdict of the compiler's own admission and the evaluator's.
func compareJudges(j *Judged, v *evaluator.Verdict) string {
	var problems []string
	report := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if j.Verdict != v.Verdict {
		report("judge: %s, API server: %s", j.Verdict, v.Verdict)
	}
	if len(j.Errors) != len(v.Errors) {
		report("errors of the judge: %q, of the API server: %q", j.Errors, v.Errors)
	}
	// What costs are where releases differ, ours are the largest of, and the evaluator's of its own release.
	if !v.UnknownCost && (j.Cost < v.Cost || j.Cost > 2*v.Cost) {
		report("cost by the judge: %d, by the API server: %d", j.Cost, v.Cost)
	}
	// The texts of errors are CEL's own.
	if len(v.Errors) == 0 {
		if !slices.Equal(j.Messages, v.Messages) {
			report("messages of the judge: %q, of the API server: %q", j.Messages, v.Messages)
		}
		if !slices.EqualFunc(j.Warnings, v.Warnings, func(text, warning string) bool { return strings.HasSuffix(warning, ": "+text) }) {
			report("warnings of the judge: %q, of the API server: %q", j.Warnings, v.Warnings)
		}
	}
	audit := maps.Clone(v.Audit)
	if _, recorded := audit[recordedFailure]; recorded != (len(j.Audited) > 0) {
		report("a refusal is recorded: judge %t, API server %t", len(j.Audited) > 0, recorded)
	}
	delete(audit, recordedFailure)
	if !maps.Equal(j.Annotations, audit) {
		report("annotations of the judge: %q, of the API server: %q", j.Annotations, audit)
	}
	return strings.Join(problems, "; ")
}

// compare tells what is different between klockc's decision and the evaluator's verdict, or nothing.
func compare(p *Policy, r *cases.Request, d *Decision, v *evaluator.Verdict) string {
	var problems []string
	report := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if d.Verdict != v.Verdict {
		report("klockc: %s, API server: %s", d.Verdict, v.Verdict)
	}
	for _, otherwise := range v.Otherwise {
		report("%s", otherwise)
	}
	if len(v.Errors) > 0 && len(d.Failed) == 0 {
		report("the API server cannot evaluate an expression")
	}
	shown := append(slices.Clone(v.Messages), v.Warnings...)
	failed := 0
	for _, lock := range d.Locks {
		if slices.Contains(d.Failed, lock) {
			failed++
		}
	}
	if len(d.Locks) == 1 && failed == 0 && len(d.Failed) == 0 && d.Verdict != cases.Allowed && d.Verdict == v.Verdict {
		if !slices.ContainsFunc(shown, func(text string) bool { return strings.Contains(text, strings.TrimSpace(d.Messages[0])) }) {
			report("the message of lock %s is not shown: %q", d.Locks[0], d.Messages[0])
		}
	}
	for _, text := range shown {
		if match := lockNamed.FindAllStringSubmatch(text, -1); len(match) > 0 && !slices.Contains(d.Locks, match[len(match)-1][1]) {
			report("a message names lock %s, which does not refuse", match[len(match)-1][1])
		}
	}

	var broken []string
	recorded := false
	for key, value := range v.Audit {
		if key == recordedFailure {
			recorded = true
			continue
		}
		match := brokenBy.FindStringSubmatch(value)
		if !strings.HasSuffix(key, "/break-glass") || match == nil {
			report("unexpected audit annotation %s: %q", key, value)
			continue
		}
		broken = append(broken, strings.Split(match[1], ", ")...)
		if match[2] != strings.TrimSpace(r.User.Username) {
			report("the audit annotation names %q", match[2])
		}
	}
	// What fails may do so in the annotation of break-glass, which refuses and records nothing.
	may, must := false, false
	for _, lock := range d.Locks {
		if strings.Contains(p.mode(lock), "audit") {
			may = true
			must = must || !slices.Contains(d.Failed, lock)
		}
	}
	if recorded && !may || must && !recorded {
		report("a refusal is recorded: klockc %t, API server %t", must, recorded)
	}
	slices.Sort(broken)
	// A lock on a wildcard beside a resource may be in two policies that see the same request.
	broken = slices.Compact(broken)
	expected := slices.Sorted(slices.Values(d.BreakGlass))
	// A failure elsewhere in the policy takes the annotation with it.
	if !slices.Equal(broken, expected) && len(v.Errors) == 0 {
		report("break-glass: klockc %q, API server %q", expected, broken)
	}
	return strings.Join(problems, "; ")
}
