package differential

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"klock.dev/e2e/cases"
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

// Ask compiles a policy, and decides and judges requests. The manifest is for another judge.
func (o *Oracle) Ask(policy string, requests []*cases.Request, manifest bool) (*Answer, error) {
	var b strings.Builder
	b.WriteString(`{"policy":`)
	encode(&b, policy)
	b.WriteString(`,"requests":[`)
	for i, r := range requests {
		if i > 0 {
			b.WriteByte(',')
		}
		EncodeRequest(&b, r)
	}
	fmt.Fprintf(&b, "],\"manifest\":%t}\n", manifest)
	if _, err := io.WriteString(o.in, b.String()); err != nil {
		return nil, fmt.Errorf("%s: %w", o.command.Path, err)
	}
	line, err := o.out.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("%s: %w on\n%s", o.command.Path, err, policy)
	}
	answer := &Answer{}
	if err := json.Unmarshal(line, answer); err != nil {
		return nil, err
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("%s: %s on\n%s", o.command.Path, answer.Error, policy)
	}
	return answer, nil
}

// Close ends the program.
func (o *Oracle) Close() error {
	o.in.Close()
	return o.command.Wait()
}
