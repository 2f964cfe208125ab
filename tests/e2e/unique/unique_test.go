package unique

import (
	"strings"
	"testing"
)

const manifest = `apiVersion: v1
kind: Policy
metadata:
  name: p
spec:
  variables:
  - name: a
    expression: "{'k': 1, 'l': 2}"
  - name: b
    expression: "'x'"
  auditAnnotations:
  - key: c
    valueExpression: "'x'"
  matchConditions:
  - name: d
    expression: "true"
---
apiVersion: v1
kind: Policy
metadata:
  name: q
`

// TestCheck breaks a manifest in each way that must be noticed.
func TestCheck(t *testing.T) {
	if err := Check([]byte(manifest)); err != nil {
		t.Fatal(err)
	}
	for old, replaced := range map[string]string{
		"name: q":                "name: p",
		"- name: b":              "- name: a",
		"'l': 2":                 "'k': 2",
		"apiVersion: v1\nkind":   "apiVersion: v1\napiVersion: v1\nkind",
		"  matchConditions:\n":   "  matchConditions:\n  - name: d\n    expression: \"false\"\n",
		"  auditAnnotations:\n":  "  auditAnnotations:\n  - key: c\n    valueExpression: \"''\"\n",
		"  variables:\n":         "  variables:\n  - name: b\n    expression: \"1\"\n",
		"spec:\n":                "spec:\n  variables: []\n",
		"metadata:\n  name: p\n": "metadata:\n  name: p\n  name: r\n",
	} {
		broken := strings.Replace(manifest, old, replaced, 1)
		if broken == manifest {
			t.Errorf("%q is not in the manifest", old)
		}
		if Check([]byte(broken)) == nil {
			t.Errorf("%q instead of %q is not noticed", replaced, old)
		}
	}
}
