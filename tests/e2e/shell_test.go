package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"klock.dev/e2e/cases"
)

// shell runs scripts in a directory, with kubectl and klockc.
type shell struct {
	t   *testing.T
	dir string
	env []string
	// before goes before every script.
	before string
}

func newShell(t *testing.T, kubeconfig string) *shell {
	t.Helper()
	dir := t.TempDir()
	return &shell{t: t, dir: dir, env: append(os.Environ(), "KUBECONFIG="+kubeconfig, "KUBECACHEDIR="+filepath.Join(dir, "cache"),
		"PATH="+filepath.Dir(kubectl(t))+":"+filepath.Dir(cases.Klockc())+":"+os.Getenv("PATH"))}
}

// run gives what the script prints, on whatever stream, and its exit status.
func (s *shell) run(script string) (string, int) {
	s.t.Helper()
	cmd := exec.Command("sh", "-eu", "-c", s.before+script)
	cmd.Dir, cmd.Env = s.dir, s.env
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (s *shell) must(script string) string {
	s.t.Helper()
	out, status := s.run(script)
	if status != 0 {
		s.t.Fatalf("%s\nstatus %d\n%s", script, status, out)
	}
	return out
}

// path is where a file of the directory is.
func (s *shell) path(name string) string { return filepath.Join(s.dir, name) }

func (s *shell) write(name, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}
