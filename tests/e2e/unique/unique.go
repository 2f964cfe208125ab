// Package unique finds what a manifest has twice although it may be there once. An API server, or whoever reads YAML before
// it, goes on with one of the two, and a lock is gone without a word.
package unique

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"go.yaml.in/yaml/v3"
)

// The lists of a policy whose elements have names.
var named = map[string]string{"variables": "name", "matchConditions": "name", "auditAnnotations": "key"}

// The fields that hold CEL.
var expressions = map[string]bool{"expression": true, "messageExpression": true, "valueExpression": true}

// escaped writes as escapes what JSON takes in strings as it is, and YAML does not.
func escaped(json []byte) []byte {
	var out bytes.Buffer
	for _, r := range string(json) {
		if r >= 0x7f && r <= 0x9f || r == 0xfeff || r == 0xfffe || r == 0xffff {
			fmt.Fprintf(&out, "\\u%04x", r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.Bytes()
}

// Check reads a stream of YAML or JSON. Lists are looked into.
func Check(manifest []byte) error {
	seen := map[string]bool{}
	if bytes.HasPrefix(bytes.TrimSpace(manifest), []byte("{")) {
		manifest = escaped(manifest)
	}
	for decoder := yaml.NewDecoder(bytes.NewReader(manifest)); ; {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := keys(&document); err != nil {
			return err
		}
		for _, root := range document.Content {
			if err := object(root, seen); err != nil {
				return err
			}
		}
	}
}

func child(node *yaml.Node, key string) *yaml.Node {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

func value(node *yaml.Node) string {
	if node == nil {
		return ""
	}
	return node.Value
}

// keys looks at every mapping, and at the maps in expressions.
func keys(node *yaml.Node) error {
	if node.Kind == yaml.MappingNode {
		seen := map[string]bool{}
		for i := 0; i < len(node.Content); i += 2 {
			key := node.Content[i].Value
			if seen[key] {
				return fmt.Errorf("line %d: the key %q is there twice", node.Content[i].Line, key)
			}
			seen[key] = true
			if expressions[key] {
				if err := literals(node.Content[i+1].Value); err != nil {
					return fmt.Errorf("line %d: %w", node.Content[i].Line, err)
				}
			}
		}
	}
	for _, inner := range node.Content {
		if err := keys(inner); err != nil {
			return err
		}
	}
	return nil
}

func object(node *yaml.Node, seen map[string]bool) error {
	if len(node.Content) == 0 {
		return nil // a document without an object
	}
	metadata := child(node, "metadata")
	if items := child(node, "items"); items != nil && child(metadata, "name") == nil {
		for _, item := range items.Content {
			if err := object(item, seen); err != nil {
				return err
			}
		}
		return nil
	}
	id := fmt.Sprintf("%s %s/%s", value(child(node, "kind")), value(child(metadata, "namespace")), value(child(metadata, "name")))
	if seen[id] {
		return fmt.Errorf("line %d: the object %s is there twice", node.Line, id)
	}
	seen[id] = true
	for field, key := range named {
		list := child(child(node, "spec"), field)
		if list == nil {
			continue
		}
		names := map[string]bool{}
		for _, item := range list.Content {
			name := value(child(item, key))
			if names[name] {
				return fmt.Errorf("line %d: %s: %s has %q twice", item.Line, id, field, name)
			}
			names[name] = true
		}
	}
	return nil
}

var (
	environment = sync.OnceValues(func() (*cel.Env, error) { return cel.NewEnv(cel.OptionalTypes()) })
	known       sync.Map // expression → error or nil; most expressions are the same in all manifests
)

// literals looks for keys that a map in the expression has twice. What does not parse is somebody else's to find.
func literals(expression string) error {
	if answer, ok := known.Load(expression); ok {
		err, _ := answer.(error)
		return err
	}
	env, err := environment()
	if err != nil {
		return err
	}
	parsed, issues := env.Parse(expression)
	if issues.Err() == nil {
		ast.PreOrderVisit(parsed.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
			if e.Kind() != ast.MapKind {
				return
			}
			seen := map[any]bool{}
			for _, entry := range e.AsMap().Entries() {
				key := entry.AsMapEntry().Key()
				if key.Kind() != ast.LiteralKind {
					continue
				}
				if seen[key.AsLiteral().Value()] {
					err = fmt.Errorf("a map of an expression has the key %v twice", key.AsLiteral().Value())
				}
				seen[key.AsLiteral().Value()] = true
			}
		}))
	}
	known.Store(expression, err)
	return err
}
