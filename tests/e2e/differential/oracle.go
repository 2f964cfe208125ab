package differential

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/evaluator"
)

// Oracle is a running program of tests/differential/oracle.c.
type Oracle struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

// Answer is what klockc makes of a policy and its requests.
type Answer struct {
	Status      string     `json:"status"`
	Diagnostics string     `json:"diagnostics"`
	Manifest    string     `json:"manifest"`
	JSON        string     `json:"json"`
	Decisions   []Decision `json:"decisions"`
	// Judged are the answers of the compiler's own admission, which reads the emitted objects.
	Judged []Judged `json:"judged"`
	// Read is what it finds in the text of the objects: see Oracle.Read.
	Read *Read `json:"read"`
	// Refused says why it does not take the objects.
	Refused string `json:"refused"`
	Error   string `json:"error"`
}

// Judged is what the compiler's own admission answers to a request.
type Judged struct {
	// Problem says where that differs from the decision.
	Problem     string            `json:"problem"`
	Verdict     string            `json:"verdict"`
	Messages    []string          `json:"messages"`
	Warnings    []string          `json:"warnings"`
	Audited     []string          `json:"audited"`
	Annotations map[string]string `json:"annotations"`
	Errors      []string          `json:"errors"`
	Cost        int64             `json:"cost"`
}

// Read is what stands in objects, read back from YAML, JSON and CEL by klockc's own readers: tests/differential/readback.h.
type Read struct {
	Objects   []any    `json:"objects"`
	Values    []string `json:"values"`
	Constants []string `json:"constants"`
	Fields    []string `json:"fields"`
	Messages  []string `json:"messages"`
	Shape     string   `json:"shape"`
}

// Decision is klockc's answer to a request.
type Decision struct {
	Verdict    string   `json:"verdict"`
	Locks      []string `json:"locks"`
	Messages   []string `json:"messages"`
	BreakGlass []string `json:"breakGlass"`
	Failed     []string `json:"failed"`
}

// Start runs the program.
func Start(path string) (*Oracle, error) {
	o := &Oracle{command: exec.Command(path)}
	var err error
	if o.in, err = o.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := o.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	o.out = bufio.NewReaderSize(out, 1<<20)
	return o, o.command.Start()
}

// Target is the cluster that a policy is compiled for.
type Target struct {
	// Minor is that of its oldest server, 33 for 1.33; 0 for the oldest of all.
	Minor uint
	// Controllers is a number of enum klock_controllers.
	Controllers int
}

func (t Target) minor() uint { return max(t.Minor, evaluator.Oldest) }

// Ask compiles a policy, and decides and judges requests. The manifest is for another judge.
func (o *Oracle) Ask(policy string, requests []*cases.Request, manifest bool) (*Answer, error) {
	return o.AskFor(Target{}, policy, requests, manifest)
}

// AskFor is Ask for a cluster.
func (o *Oracle) AskFor(target Target, policy string, requests []*cases.Request, manifest bool) (*Answer, error) {
	more := fmt.Sprintf(`"minor":%d,"controllers":%d,"manifest":%t`, target.Minor, target.Controllers, manifest)
	return o.ask("policy", policy, requests, more)
}

// Read compiles a policy and reads the objects back. The manifest is for another reader.
func (o *Oracle) Read(policy string, manifest bool) (*Answer, error) {
	return o.ask("policy", policy, nil, fmt.Sprintf(`"read":true,"manifest":%t`, manifest))
}

// Judge lets the compiler's own admission judge requests under a manifest, whoever wrote it, as a server of the minor would,
// 33 for 1.33.
func (o *Oracle) Judge(manifest []byte, minor uint, requests []*cases.Request) (*Answer, error) {
	answer, err := o.ask("objects", string(manifest), requests, fmt.Sprintf(`"minor":%d`, minor))
	if err == nil && answer.Refused == "" && len(answer.Judged) != len(requests) {
		err = fmt.Errorf("%d requests, %d judged", len(requests), len(answer.Judged))
	}
	return answer, err
}

func (o *Oracle) ask(what, text string, requests []*cases.Request, more string) (*Answer, error) {
	var b strings.Builder
	fmt.Fprintf(&b, `{%q:`, what)
	encode(&b, text)
	b.WriteString(`,"requests":[`)
	for i, r := range requests {
		if i > 0 {
			b.WriteByte(',')
		}
		EncodeRequest(&b, r)
	}
	fmt.Fprintf(&b, "],%s}\n", more)
	if _, err := io.WriteString(o.in, b.String()); err != nil {
		return nil, fmt.Errorf("%s: %w", o.command.Path, err)
	}
	line, err := o.out.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("%s: %w on\n%s", o.command.Path, err, text)
	}
	answer := &Answer{}
	if err := json.Unmarshal(line, answer); err != nil {
		return nil, err
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("%s: %s on\n%s", o.command.Path, answer.Error, text)
	}
	return answer, nil
}

// Access is a question to an authorizer.
type Access struct {
	User        string   `json:"user"`
	Groups      []string `json:"groups"`
	Verb        string   `json:"verb"`
	Group       string   `json:"group"`
	Resource    string   `json:"resource"`
	Subresource string   `json:"subresource"`
	Name        string   `json:"name"`
	Namespace   string   `json:"namespace"`
	// Path is that of what is no resource.
	Path string `json:"path"`
}

// Allowed says which of the questions the RBAC, a stream of YAML, allows.
func (o *Oracle) Allowed(rbac string, questions []Access) ([]bool, error) {
	line, err := json.Marshal(map[string]any{"rbac": rbac, "requests": questions})
	if err != nil {
		return nil, err
	}
	if _, err := o.in.Write(append(line, '\n')); err != nil {
		return nil, fmt.Errorf("%s: %w", o.command.Path, err)
	}
	if line, err = o.out.ReadBytes('\n'); err != nil {
		return nil, fmt.Errorf("%s: %w", o.command.Path, err)
	}
	var answer struct {
		Allowed     []bool `json:"allowed"`
		Diagnostics string `json:"diagnostics"`
		Error       string `json:"error"`
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return nil, err
	}
	if len(answer.Allowed) != len(questions) {
		return nil, fmt.Errorf("%d questions, %d answers: %s%s", len(questions), len(answer.Allowed), answer.Diagnostics, answer.Error)
	}
	return answer.Allowed, nil
}

// Close ends the program.
func (o *Oracle) Close() error {
	o.in.Close()
	return o.command.Wait()
}
