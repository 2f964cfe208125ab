package differential

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/evaluator"
)

// Options say how much is compared.
type Options struct {
	Oracle    string // path of the program
	Seed      uint64
	First     uint64 // number of the first policy
	Decisions int    // at least; negative: without end
	Every     uint64 // policy of which number is asked of the API server's evaluator as well; 0: none
	Workers   int
	Requests  int // for each policy, about
	Stop      int // after so many disagreements
	Report    func(*Disagreement)
	Progress  func(*Totals)
}

// Totals are counts over all workers.
type Totals struct {
	Decisions, Evaluated, Denied, Warned, Policies, Refused, Locks, Failed, Glass, Disagreements atomic.Int64

	mutex sync.Mutex
	sorts map[string]*Count
}

// Count is of the requests of one sort.
type Count struct{ Decisions, Denied, Warned, Glass int64 }

func (t *Totals) count(sort string, d *Decision) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.sorts == nil {
		t.sorts = map[string]*Count{}
	}
	if t.sorts[sort] == nil {
		t.sorts[sort] = &Count{}
	}
	t.sorts[sort].Decisions++
	switch d.Verdict {
	case cases.Denied:
		t.sorts[sort].Denied++
	case cases.Warned:
		t.sorts[sort].Warned++
	}
	if len(d.BreakGlass) > 0 {
		t.sorts[sort].Glass++
	}
}

// Sorts are the counts by sort of request.
func (t *Totals) Sorts() map[string]*Count { return t.sorts }

// Disagreement is a policy and a request that are judged in two ways.
type Disagreement struct {
	Number  uint64 // of the policy
	Policy  *Policy
	Request *cases.Request // nil when the manifest as a whole is no good
	Problem string
	Answer  Decision
	Judged  Judged
	Verdict *evaluator.Verdict // nil where the API server's evaluator is not asked
}

func (d *Disagreement) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "policy %d: %s\n%s", d.Number, d.Problem, d.Policy)
	if d.Request != nil {
		b.WriteString("\nrequest: ")
		EncodeRequest(&b, d.Request)
		fmt.Fprintf(&b, "\nklockc: %+v\njudge: %+v\n", d.Answer, d.Judged)
		if d.Verdict != nil {
			fmt.Fprintf(&b, "API server: %+v\n", *d.Verdict)
		}
	}
	return b.String()
}

// Run compares until enough is compared.
func Run(o Options) (*Totals, error) {
	totals := &Totals{}
	var next atomic.Uint64
	next.Store(o.First)
	var mutex sync.Mutex
	var failure error
	var group sync.WaitGroup
	for range o.Workers {
		group.Go(func() {
			oracle, err := Start(o.Oracle)
			for err == nil {
				if o.Decisions >= 0 && totals.Decisions.Load() >= int64(o.Decisions) || totals.Disagreements.Load() >= int64(o.Stop) {
					break
				}
				mutex.Lock()
				stop := failure != nil
				mutex.Unlock()
				if stop {
					break
				}
				var d *Disagreement
				if d, err = one(&o, oracle, next.Add(1)-1, totals); d != nil {
					totals.Disagreements.Add(1)
					mutex.Lock()
					o.Report(d)
					mutex.Unlock()
				}
			}
			if oracle != nil {
				oracle.Close()
			}
			mutex.Lock()
			if failure == nil {
				failure = err
			}
			mutex.Unlock()
		})
	}
	group.Wait()
	return totals, failure
}

// one compares the decisions of one policy; the same number is the same policy and the same requests.
func one(o *Options, oracle *Oracle, number uint64, totals *Totals) (*Disagreement, error) {
	r := newRand(o.Seed, number)
	w := newWorld(r)
	policy := newPolicy(r, w)
	var requests []*cases.Request
	var sorts []string
	for range o.Requests/2 + r.IntN(o.Requests+1) {
		request, sort := newRequest(r, w, policy)
		requests, sorts = append(requests, request), append(sorts, sort)
	}
	evaluated := o.Every > 0 && number%o.Every == 0
	answer, err := oracle.AskFor(policy.Target, policy.String(), requests, evaluated)
	if err != nil {
		return nil, err
	}
	totals.Policies.Add(1)
	if answer.Status != "ok" {
		totals.Refused.Add(1)
		if answer.Status != "errors" {
			return &Disagreement{Number: number, Policy: policy, Problem: answer.Status + "\n" + answer.Diagnostics}, nil
		}
		if Refused != nil {
			Refused(number, policy.String(), answer.Diagnostics)
		}
		return nil, nil
	}
	var judge *evaluator.Evaluator
	problem := refusedBy(answer)
	if evaluated && problem == "" {
		if judge, err = evaluator.NewFor([]byte(answer.Manifest), policy.Target.minor()); err != nil {
			problem = fmt.Sprintf("the manifest is refused: %v", err)
		}
	}
	if problem != "" {
		return shrink(oracle, &Disagreement{Number: number, Policy: policy, Problem: problem}, evaluated), nil
	}
	if len(answer.Decisions) != len(requests) || len(answer.Judged) != len(requests) {
		return nil, fmt.Errorf("policy %d: %d requests, %d decisions, %d judged", number, len(requests), len(answer.Decisions), len(answer.Judged))
	}
	for i, request := range requests {
		d := &Disagreement{Number: number, Policy: policy, Request: request}
		if err := d.compare(answer, i, judge); err != nil {
			return nil, fmt.Errorf("policy %d: %w\n%s", number, err, policy)
		}
		if judge != nil {
			totals.Evaluated.Add(1)
		}
		decision := &answer.Decisions[i]
		totals.Decisions.Add(1)
		totals.count(sorts[i], decision)
		totals.Failed.Add(int64(min(1, len(decision.Failed))))
		totals.Glass.Add(int64(min(1, len(decision.BreakGlass))))
		switch decision.Verdict {
		case cases.Denied:
			totals.Denied.Add(1)
		case cases.Warned:
			totals.Warned.Add(1)
		}
		if d.Problem != "" {
			return shrink(oracle, d, evaluated), nil
		}
	}
	return nil, nil
}

func refusedBy(answer *Answer) string {
	if answer.Refused == "" {
		return ""
	}
	return "the judge refuses the objects: " + answer.Refused
}

// compare notes what the judges say of a request of an answer; without an evaluator only the compiler's own is asked.
func (d *Disagreement) compare(answer *Answer, i int, judge *evaluator.Evaluator) error {
	d.Answer, d.Judged, d.Problem = answer.Decisions[i], answer.Judged[i], answer.Judged[i].Problem
	if judge == nil {
		return nil
	}
	verdict, err := judge.Judge(d.Request)
	if err != nil {
		return err
	}
	d.Verdict = verdict
	var problems []string
	for _, problem := range []string{d.Problem, compare(d.Policy, d.Request, &d.Answer, verdict), compareJudges(&d.Judged, verdict)} {
		if problem != "" {
			problems = append(problems, problem)
		}
	}
	d.Problem = strings.Join(problems, "; ")
	return nil
}

// Refused is told of policies that klockc finds errors in.
var Refused func(number uint64, policy, diagnostics string)

// again judges a smaller disagreement; false when there is none any more.
func again(oracle *Oracle, d *Disagreement, evaluated bool) bool {
	var requests []*cases.Request
	if d.Request != nil {
		requests = append(requests, d.Request)
	}
	answer, err := oracle.AskFor(d.Policy.Target, d.Policy.String(), requests, evaluated)
	if err != nil || answer.Status != "ok" {
		return false
	}
	var judge *evaluator.Evaluator
	refused := refusedBy(answer)
	if evaluated && refused == "" {
		if judge, err = evaluator.NewFor([]byte(answer.Manifest), d.Policy.Target.minor()); err != nil {
			refused = fmt.Sprintf("the manifest is refused: %v", err)
		}
	}
	if d.Request == nil || refused != "" {
		d.Problem = refused
		return d.Request == nil && refused != ""
	}
	return d.compare(answer, 0, judge) == nil && d.Problem != ""
}

// shrink drops blocks, clauses and parts of objects as long as the disagreement stays.
func shrink(oracle *Oracle, d *Disagreement, evaluated bool) *Disagreement {
	try := func(smaller Disagreement) bool {
		if !again(oracle, &smaller, evaluated) {
			return false
		}
		*d = smaller
		return true
	}
	for changed := true; changed; {
		changed = false
		for i := len(d.Policy.Blocks) - 1; i >= 0; i-- {
			smaller := *d
			smaller.Policy = &Policy{Blocks: append(append([]*Block{}, d.Policy.Blocks[:i]...), d.Policy.Blocks[i+1:]...)}
			changed = try(smaller) || changed
		}
		for i := range d.Policy.Blocks {
			for j := len(d.Policy.Blocks[i].Clauses) - 1; j >= 0; j-- {
				block := *d.Policy.Blocks[i]
				block.Clauses = append(append([]string{}, block.Clauses[:j]...), block.Clauses[j+1:]...)
				smaller := *d
				smaller.Policy = &Policy{Blocks: append([]*Block{}, d.Policy.Blocks...)}
				smaller.Policy.Blocks[i] = &block
				changed = try(smaller) || changed
			}
		}
		if d.Request == nil {
			continue
		}
		for _, path := range paths(d.Request) {
			request := *d.Request
			request.Object, request.OldObject = runtime.DeepCopyJSON(request.Object), runtime.DeepCopyJSON(request.OldObject)
			request.NamespaceObject = runtime.DeepCopyJSON(request.NamespaceObject)
			if !drop(&request, path) {
				continue
			}
			smaller := *d
			smaller.Request = &request
			changed = try(smaller) || changed
		}
	}
	return d
}

func roots(r *cases.Request) []map[string]any {
	return []map[string]any{r.Object, r.OldObject, r.NamespaceObject}
}

// paths are all keys of the request's objects, by the number of the object first.
func paths(r *cases.Request) [][]string {
	var all [][]string
	for i, root := range roots(r) {
		if isScale(root) {
			continue
		}
		walk(root, []string{fmt.Sprint(i)}, &all)
	}
	return all
}

// A Scale always tells its replicas.
func isScale(root map[string]any) bool { return root["kind"] == "Scale" }

func walk(at map[string]any, path []string, all *[][]string) {
	for key, value := range at {
		here := append(append([]string{}, path...), key)
		if len(path) > 1 || key != "apiVersion" && key != "kind" && key != "metadata" {
			*all = append(*all, here)
		}
		if inner, ok := value.(map[string]any); ok {
			walk(inner, here, all)
		}
	}
}

func drop(r *cases.Request, path []string) bool {
	at := roots(r)[int(path[0][0]-'0')]
	for _, key := range path[1 : len(path)-1] {
		inner, ok := at[key].(map[string]any)
		if !ok {
			return false
		}
		at = inner
	}
	last := path[len(path)-1]
	if len(path) == 3 && path[1] == "metadata" && (last == "name" || last == "namespace") {
		return false
	}
	if r.Subresource == "scale" && path[1] == "spec" && (len(path) == 2 || path[2] == "replicas") {
		// What scales always has a number of replicas.
		return false
	}
	if _, ok := at[last]; !ok {
		return false
	}
	delete(at, last)
	return true
}
