package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write is an answered request that writes, as the API server notes it.
type Write struct {
	Verb string
	User struct {
		Username string
		Groups   []string
	}
	// ImpersonatedUser is who asks where somebody else lends the credentials.
	ImpersonatedUser *struct {
		Username string
		Groups   []string
	}
	ObjectRef struct {
		Resource, Namespace, Name, APIGroup, Subresource string
	}
	ResponseStatus struct {
		Code    int
		Message string
	}
	Annotations map[string]string
}

// Who asks.
func (w *Write) Who() string {
	if w.ImpersonatedUser != nil {
		return w.ImpersonatedUser.Username
	}
	return w.User.Username
}

func (c *Cluster) auditLog() string { return filepath.Join(c.Dir, "audit.log") }

func (c *Cluster) auditFlags() ([]string, error) {
	policy := filepath.Join(c.Dir, "audit.yaml")
	return []string{"--audit-policy-file=" + policy, "--audit-log-path=" + c.auditLog()}, os.WriteFile(policy, []byte(`
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  verbs: [create, update, patch, delete, deletecollection]
- level: None
`), 0o600)
}

// Audit are the writes that the API server has answered from an offset on, and the offset behind them. The cluster has to have
// the option.
func (c *Cluster) Audit(offset int) (writes []Write, end int, err error) {
	text, err := os.ReadFile(c.auditLog())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, offset, nil
	}
	if err != nil {
		return nil, offset, err
	}
	// The last line may be half written.
	end = bytes.LastIndexByte(text, '\n') + 1
	for line := range bytes.Lines(text[offset:max(offset, end)]) {
		var w Write
		if err := json.Unmarshal(line, &w); err != nil {
			return nil, offset, err
		}
		writes = append(writes, w)
	}
	return writes, max(offset, end), nil
}
