// Command evaluate judges requests with the API server's evaluator.
//
// Every line of standard input is {"manifest": PATH OR YAML, "requests": [REQUEST, ...]}, with requests as in
// klockc test --print-cases. Every line of standard output is {"verdicts": [...]} or {"error": TEXT}, in the same order.
package main

import (
	"bufio"
	stdjson "encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/util/json"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/evaluator"
)

type question struct {
	Manifest string          `json:"manifest"`
	Requests []cases.Request `json:"requests"`
}

type answer struct {
	Verdicts []*evaluator.Verdict `json:"verdicts,omitempty"`
	Error    string               `json:"error,omitempty"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(in io.Reader, out io.Writer) error {
	lines := bufio.NewReaderSize(in, 1<<20)
	buffered := bufio.NewWriter(out)
	encoder := stdjson.NewEncoder(buffered)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 1 {
			if err := encoder.Encode(judge(line)); err != nil {
				return err
			}
			// The other side may wait for this answer before it asks again.
			if err := buffered.Flush(); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func judge(line []byte) answer {
	var q question
	// This decoder keeps integers, as the API server does.
	if err := json.Unmarshal(line, &q); err != nil {
		return answer{Error: err.Error()}
	}
	manifest := []byte(q.Manifest)
	if !strings.ContainsAny(q.Manifest, "\n{") {
		var err error
		if manifest, err = os.ReadFile(q.Manifest); err != nil {
			return answer{Error: err.Error()}
		}
	}
	e, err := evaluator.New(manifest)
	if err != nil {
		return answer{Error: err.Error()}
	}
	a := answer{Verdicts: make([]*evaluator.Verdict, len(q.Requests))}
	for i := range q.Requests {
		q.Requests[i].Normalize()
		if a.Verdicts[i], err = e.Judge(&q.Requests[i]); err != nil {
			return answer{Error: err.Error()}
		}
	}
	return a
}
