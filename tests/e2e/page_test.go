package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// page is a document whose console blocks hold commands and what they print:
//
//	alice$ kubectl delete pod p
//	Error from server (Forbidden): …
//	[exit status 1]
type page struct {
	path string
	// lines are those of the document; what a command printed is in the command instead.
	lines    []string
	sections []*section
	policy   string
}

// section is what stands under a heading that has commands.
type section struct {
	title    string
	commands []*command
}

type command struct {
	user, line string
	// at is the number of the line of the page, beginning with 0, and end that of the line behind the output.
	at, end int
	// output is what stands on the page, with its exit status.
	output string
}

func readPage(t *testing.T, path string) *page {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p := &page{path: path, lines: strings.Split(string(text), "\n")}
	var policy strings.Builder
	title, fence := "", ""
	var last *command
	for i, line := range p.lines {
		heading, isHeading := strings.CutPrefix(line, "## ")
		language, isFence := strings.CutPrefix(line, "```")
		user, said, isCommand := strings.Cut(line, "$ ")
		switch {
		case isFence && fence == "":
			fence = language
		case isFence:
			fence, last = "", nil
		case fence == "klock":
			fmt.Fprintln(&policy, line)
		case fence == "console" && isCommand && !strings.ContainsAny(user, " :"):
			if len(p.sections) == 0 || p.sections[len(p.sections)-1].title != title {
				p.sections = append(p.sections, &section{title: title})
			}
			s := p.sections[len(p.sections)-1]
			last = &command{user: user, line: said, at: i, end: i + 1}
			s.commands = append(s.commands, last)
		case fence == "console" && last == nil:
			t.Fatalf("%s:%d: there is no command above", path, i+1)
		case fence == "console":
			last.output += line + "\n"
			last.end = i + 1
		case isHeading:
			title = heading
		}
	}
	p.policy = policy.String()
	return p
}

// rewrite puts what the commands printed on the page.
func (p *page) rewrite(printed map[*command]string) error {
	var out []string
	next := 0
	for _, s := range p.sections {
		for _, c := range s.commands {
			out = append(out, p.lines[next:c.at+1]...)
			if text := strings.TrimSuffix(printed[c], "\n"); text != "" {
				out = append(out, strings.Split(text, "\n")...)
			}
			next = c.end
		}
	}
	out = append(out, p.lines[next:]...)
	return os.WriteFile(p.path, []byte(strings.Join(out, "\n")), 0o644)
}
