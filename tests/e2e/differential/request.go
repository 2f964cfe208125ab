package differential

import (
	"encoding/json"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"klock.dev/e2e/cases"
)

// set puts a value at a path, making what is missing; "*" is an element of a list, an existing one or a new one.
func set(r *rand.Rand, at any, path []string, value any) any {
	if len(path) == 0 {
		return value
	}
	if path[0] == "*" {
		list, ok := at.([]any)
		if !ok {
			list = nil
		}
		if len(list) == 0 || chance(r, 40) {
			return append(slices.Clone(list), set(r, nil, path[1:], value))
		}
		list = slices.Clone(list)
		i := r.IntN(len(list))
		list[i] = set(r, list[i], path[1:], value)
		return list
	}
	object, ok := at.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	object[path[0]] = set(r, object[path[0]], path[1:], value)
	return object
}

// remove takes away what is at a path, or one of its parents.
func remove(r *rand.Rand, at any, path []string) {
	for i, key := range path {
		object, ok := at.(map[string]any)
		if !ok {
			return
		}
		if i == len(path)-1 || i+1 < len(path) && path[i+1] == "*" && chance(r, 30) {
			delete(object, key)
			return
		}
		at = object[key]
		if list, ok := at.([]any); ok && i+2 < len(path) && len(list) > 0 {
			remove(r, pick(r, list), path[i+2:])
			return
		}
	}
}

var wrong = []any{nil, "text", int64(7), 1.5, true, []any{}, map[string]any{}, []any{"a"}, map[string]any{"x": "1"}, []any{map[string]any{}}, []any{nil}}

func (w *world) value(r *rand.Rand, f field) any {
	if chance(r, 8) {
		return runtime.DeepCopyJSONValue(pick(r, wrong))
	}
	return pick(r, f.values)
}

// A wrong value may stand for a parent as well, but metadata always is as the API server has it.
func (w *world) setField(r *rand.Rand, object map[string]any, f field) {
	if f.path[0] == "metadata" {
		set(r, object, f.path, pick(r, f.values))
		return
	}
	path := f.path
	if chance(r, 4) && len(path) > 1 {
		path = path[:1+r.IntN(len(path)-1)]
		if isTyped(object) && slices.Contains(typed, path[len(path)-1]) {
			return
		}
		set(r, object, path, runtime.DeepCopyJSONValue(pick(r, wrong)))
		return
	}
	value := w.value(r, f)
	if isTyped(object) && !fits(path[len(path)-1], value) {
		return
	}
	set(r, object, path, value)
}

// typed are the fields that no server fills otherwise than their types say, in objects whose types it knows.
var typed = []string{"spec", "status", "template", "containers", "*"}

// fits tells whether the field's type takes the value, where all kinds that have the field agree on it.
func fits(key string, value any) bool {
	if !slices.Contains(typed, key) {
		return true
	}
	_, isMap := value.(map[string]any)
	_, isList := value.([]any)
	return key == "*" || key == "containers" && isList || key != "containers" && isMap
}

func isTyped(object map[string]any) bool {
	group, _, grouped := strings.Cut(object["apiVersion"].(string), "/")
	return !grouped || !strings.Contains(group, ".") || strings.HasSuffix(group, ".k8s.io")
}

func metadataOf(object map[string]any) map[string]any { return object["metadata"].(map[string]any) }

func setPair(metadata map[string]any, field, key, value string) {
	pairs, ok := metadata[field].(map[string]any)
	if !ok {
		pairs = map[string]any{}
		metadata[field] = pairs
	}
	pairs[key] = value
}

func (w *world) object(r *rand.Rand, a *aim, request *cases.Request) map[string]any {
	apiVersion := request.Version
	if request.Group != "" {
		apiVersion = request.Group + "/" + request.Version
	}
	metadata := map[string]any{}
	if request.Name != "" {
		metadata["name"] = request.Name
	} else {
		metadata["generateName"] = "web-"
	}
	if request.Namespace != "" {
		metadata["namespace"] = request.Namespace
	}
	object := map[string]any{"apiVersion": apiVersion, "kind": request.Kind, "metadata": metadata}
	if chance(r, 40) {
		for _, key := range some(r, w.keys, 3) {
			setPair(metadata, "labels", key, pick(r, w.values))
		}
	}
	if chance(r, 25) {
		for _, key := range some(r, w.annotations, 2) {
			setPair(metadata, "annotations", key, pick(r, w.texts))
		}
	}
	for range r.IntN(4) {
		w.setField(r, object, pick(r, w.fields))
	}
	if a != nil {
		for _, key := range slices.Sorted(maps.Keys(a.labels)) {
			if !chance(r, 6) {
				setPair(metadata, "labels", key, a.labels[key])
			}
		}
		for _, key := range slices.Sorted(maps.Keys(a.annotation)) {
			if !chance(r, 10) {
				setPair(metadata, "annotations", key, a.annotation[key])
			}
		}
		for _, each := range a.fields {
			last := each.path[len(each.path)-1]
			if !chance(r, 12) && (!isTyped(object) || fits(last, each.value)) {
				set(r, object, each.path, runtime.DeepCopyJSONValue(each.value))
			}
		}
	}
	if chance(r, 3) {
		metadata["labels"] = map[string]any{}
	}
	if chance(r, 2) {
		metadata["finalizers"] = []any{}
	}
	if chance(r, 30) {
		metadata["uid"], metadata["resourceVersion"] = "0b0c", "17"
		metadata["managedFields"] = []any{map[string]any{"manager": "kubectl", "operation": "Update"}}
	}
	return object
}

// swap exchanges two elements of a list that some field is in, or what is below both of them.
func (w *world) swap(r *rand.Rand, object map[string]any) {
	at := any(object)
	f := pick(r, w.fields)
	for i, key := range f.path {
		inner, ok := at.(map[string]any)
		if !ok {
			return
		}
		list, ok := inner[key].([]any)
		if !ok || len(list) < 2 || i+1 == len(f.path) {
			at = inner[key]
			continue
		}
		list = slices.Clone(list)
		inner[key] = list
		a, b := 0, len(list)-1
		one, first := list[a].(map[string]any)
		other, second := list[b].(map[string]any)
		if !first || !second || chance(r, 40) {
			list[a], list[b] = list[b], list[a]
			return
		}
		one, other = maps.Clone(one), maps.Clone(other)
		list[a], list[b] = one, other
		for _, name := range slices.Sorted(maps.Keys(one)) {
			if value, ok := other[name]; ok && chance(r, 50) {
				one[name], other[name] = value, one[name]
				return
			}
		}
		return
	}
}

// change makes the new object of an update.
func (w *world) change(r *rand.Rand, a *aim, old map[string]any) map[string]any {
	object := runtime.DeepCopyJSON(old)
	metadata := metadataOf(object)
	if chance(r, 40) {
		metadata["resourceVersion"] = strconv.Itoa(r.IntN(100))
		metadata["managedFields"] = []any{map[string]any{"manager": "x"}}
	}
	for range 1 + r.IntN(4) - r.IntN(2) {
		switch n := r.IntN(20); {
		case n < 3:
			setPair(metadata, "labels", pick(r, w.keys), pick(r, w.values))
		case n < 5:
			remove(r, metadata, []string{"labels", pick(r, w.keys)})
		case n < 6:
			delete(metadata, "labels")
		case n < 8:
			setPair(metadata, "annotations", pick(r, w.annotations), pick(r, w.texts))
		case n < 9:
			remove(r, metadata, []string{"annotations", pick(r, w.annotations)})
		case n < 10:
			set(r, metadata, []string{"finalizers", "*"}, pick(r, []any{"example.com/a", "b"}))
		case n < 11:
			if list, ok := metadata["finalizers"].([]any); ok && len(list) > 0 {
				metadata["finalizers"] = slices.Clone(list[1:])
				if len(list) == 1 {
					delete(metadata, "finalizers")
				}
			}
		case n < 12 && chance(r, 50):
			w.swap(r, object)
		case n < 12:
			set(r, metadata, []string{"ownerReferences", "*"}, map[string]any{"kind": "Job", "name": "x"})
		case n < 15:
			remove(r, object, pick(r, w.fields).path)
		case n < 16 && a != nil && len(a.labels) > 0:
			setPair(metadata, "labels", pick(r, slices.Sorted(maps.Keys(a.labels))), pick(r, w.values))
		case n < 17 && a != nil && len(a.labels) > 0:
			remove(r, metadata, []string{"labels", pick(r, slices.Sorted(maps.Keys(a.labels)))})
		default:
			w.setField(r, object, pick(r, w.fields))
		}
	}
	if chance(r, 2) && metadata["labels"] == nil {
		metadata["labels"] = map[string]any{}
	}
	return object
}

func terminate(object map[string]any) {
	metadataOf(object)["deletionTimestamp"] = "2026-01-01T00:00:00Z"
	metadataOf(object)["deletionGracePeriodSeconds"] = int64(30)
}

func (w *world) namespaceObject(r *rand.Rand, a *aim, name string) map[string]any {
	labels := map[string]any{"kubernetes.io/metadata.name": name}
	metadata := map[string]any{"name": name, "labels": labels}
	if chance(r, 50) {
		labels[pick(r, w.keys)] = pick(r, w.values)
	}
	if a != nil {
		for _, key := range slices.Sorted(maps.Keys(a.namespace)) {
			if !chance(r, 12) {
				labels[key] = a.namespace[key]
			}
		}
	}
	object := map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": metadata, "status": map[string]any{"phase": "Active"}}
	if chance(r, 8) {
		terminate(object)
	}
	return object
}

// aimAt picks what a request probably meets: a lock, or a way around one.
func aimAt(r *rand.Rand, p *Policy) *aim {
	if !chance(r, 88) {
		return nil
	}
	var aims []*aim
	for _, block := range p.Blocks {
		if len(block.ways) > 0 && (block.aim == nil || chance(r, 50)) {
			aims = append(aims, pick(r, block.ways))
		} else if block.aim != nil {
			aims = append(aims, block.aim)
		}
	}
	if len(aims) == 0 {
		return nil
	}
	return pick(r, aims)
}

// newRequest makes a request that probably meets one of the policy's locks, and says of which sort it is.
func newRequest(r *rand.Rand, w *world, p *Policy) (*cases.Request, string) {
	a := aimAt(r, p)
	what := w.what(r, a)
	res := what.resource
	request := &cases.Request{
		Operation: what.operation, Subresource: what.subresource,
		Group: res.group, Version: res.versions[0], Resource: res.plural, Kind: res.kind,
		Scope: "Cluster", Name: pick(r, w.names), User: w.who(r, a),
	}
	if chance(r, 8) {
		request.Version = pick(r, res.versions)
	}
	if a != nil && len(a.names) > 0 && !chance(r, 10) {
		if name := pick(r, a.names); name != "" { // what is stored has one
			request.Name = name
		}
	}
	if chance(r, 40) {
		request.Grants = some(r, allVerbs, 2)
	}
	if res.namespaced {
		request.Scope = "Namespaced"
		request.Namespace = pick(r, w.namespaces)
		if a != nil && len(a.namespaces) > 0 && !chance(r, 5) {
			request.Namespace = pick(r, a.namespaces)
		}
		if chance(r, 3) {
			request.Namespace = "kube-system"
		}
		request.NamespaceObject = w.namespaceObject(r, a, request.Namespace)
	} else if res.plural == "namespaces" {
		request.Name = strings.ToLower(strings.NewReplacer(".", "-", ":", "-", "_", "-", "'", "-").Replace(request.Name))
		if chance(r, 50) && (a == nil || a.way == "") {
			request.Name = pick(r, w.namespaces)
		}
	}
	if isAct(request.Subresource) {
		// No object of these kinds is called so, and in proxies a colon parts names from ports.
		request.Name = strings.ReplaceAll(request.Name, ":", "-")
	}
	if request.Operation == "CREATE" && request.Subresource == "" && chance(r, 15) && res.plural != "namespaces" {
		request.Name = ""
	}
	w.states(r, a, request)
	if request.Operation == "DELETE" && chance(r, 15) && res.plural != "namespaces" {
		request.DeleteCollection = true
	}
	return request, sortOf(request, a)
}

// what picks a resource, an operation and a subresource.
func (w *world) what(r *rand.Rand, a *aim) target {
	if a != nil && len(a.targets) > 0 && !chance(r, 4) {
		return pick(r, a.targets)
	}
	t := target{resource: pick(r, w.resources), operation: pick(r, []string{"CREATE", "UPDATE", "UPDATE", "DELETE"})}
	if a != nil && len(a.resources) > 0 && !chance(r, 5) {
		t.resource = pick(r, a.resources)
	}
	if a != nil && len(a.operations) > 0 && chance(r, 70) {
		t.operation = pick(r, a.operations)
	}
	acts := t.resource.acts
	full := t.resource.subresources
	if a != nil && len(a.acts) > 0 && chance(r, 75) {
		wanted := func(name string) bool { return !slices.Contains(a.acts, name) }
		acts, full = slices.DeleteFunc(slices.Clone(acts), wanted), slices.DeleteFunc(slices.Clone(full), wanted)
		if len(full) > 0 {
			return target{t.resource, pick(r, full), "UPDATE"}
		}
	}
	if len(acts) > 0 && (t.operation == "CONNECT" || chance(r, 40)) {
		t.subresource = pick(r, acts)
		t.operation = operationOf(t.subresource)
	}
	if t.operation == "CONNECT" && t.subresource == "" {
		t.operation = "UPDATE"
	}
	if t.operation == "UPDATE" && t.subresource == "" && len(full) > 0 && chance(r, 25) {
		t.subresource = pick(r, full)
	}
	return t
}

func (w *world) who(r *rand.Rand, a *aim) cases.User {
	switch n := r.IntN(20); {
	case n < 3:
		return pick(r, systemUsers)
	case n < 6 && a != nil && len(a.users) > 0:
		return pick(r, a.users)
	case n < 12:
		return cases.User{Username: "stranger", Groups: []string{"system:authenticated"}}
	case n < 17:
		return pick(r, w.users)
	}
	return randomUser(r)
}

// states are the stored object and the new one.
func (w *world) states(r *rand.Rand, a *aim, request *cases.Request) {
	dress := func(object map[string]any, percent int) {
		if a != nil && a.dress != nil && chance(r, percent) {
			a.dress(r, object)
		}
	}
	first := w.object(r, a, request)
	dress(first, 90)
	if request.Operation != "CREATE" && chance(r, 10) {
		terminate(first)
		if chance(r, 70) {
			metadataOf(first)["finalizers"] = []any{"example.com/a", "b"}[:1+r.IntN(2)]
		}
	}
	if isAct(request.Subresource) {
		request.OldObject = asParameter(first).(map[string]any)
		first = request.OldObject
		if request.Subresource == "scale" {
			set(r, first, []string{"spec", "replicas"}, int64(r.IntN(5)))
			request.Object = map[string]any{"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": map[string]any{"replicas": int64(r.IntN(5))}}
		}
		return
	}
	switch request.Operation {
	case "CREATE":
		request.Object = first
	case "UPDATE":
		request.OldObject, request.Object = first, w.change(r, a, first)
		dress(request.Object, 60)
		if metadataOf(first)["deletionTimestamp"] != nil && chance(r, 50) {
			request.Object = runtime.DeepCopyJSON(first)
			if chance(r, 70) {
				delete(metadataOf(request.Object), "finalizers")
			}
		} else if chance(r, 20) {
			// The other way round, objects come into selections.
			request.OldObject, request.Object = request.Object, request.OldObject
		}
	case "DELETE":
		request.OldObject = first
	}
}

// asParameter is a value as a server has it among its parameters: there, whole numbers are integers.
func asParameter(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, each := range v {
			v[key] = asParameter(each)
		}
	case []any:
		for i, each := range v {
			v[i] = asParameter(each)
		}
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<62 {
			return int64(v)
		}
	}
	return value
}

// encode is JSON in which a double stays one.
func encode(b *strings.Builder, value any) {
	switch v := value.(type) {
	case map[string]any:
		b.WriteByte('{')
		for i, key := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				b.WriteByte(',')
			}
			encode(b, key)
			b.WriteByte(':')
			encode(b, v[key])
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			encode(b, item)
		}
		b.WriteByte(']')
	case float64:
		text := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(text, ".e") {
			text += ".0"
		}
		b.WriteString(text)
	default:
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		b.Write(text)
	}
}

func nullable(object map[string]any) any {
	if object == nil {
		return nil
	}
	return object
}

// EncodeRequest writes a request as klockc prints them.
func EncodeRequest(b *strings.Builder, r *cases.Request) {
	groups := r.User.Groups
	if groups == nil {
		groups = []string{}
	}
	extra := r.User.Extra
	if extra == nil {
		extra = map[string][]string{}
	}
	grants := r.Grants
	if grants == nil {
		grants = []string{}
	}
	given := []any{}
	for _, object := range r.Given {
		given = append(given, object)
	}
	encode(b, map[string]any{
		"operation": r.Operation, "group": r.Group, "version": r.Version, "resource": r.Resource, "kind": r.Kind,
		"subresource": r.Subresource, "scope": r.Scope, "namespace": r.Namespace, "name": r.Name,
		"user":   map[string]any{"username": r.User.Username, "uid": r.User.UID, "groups": groups, "extra": extra},
		"object": nullable(r.Object), "oldObject": nullable(r.OldObject), "namespaceObject": nullable(r.NamespaceObject),
		"deleteCollection": r.DeleteCollection, "grants": grants, "given": given,
	})
}
