package live

import (
	"context"
	"encoding/json"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"klock.dev/e2e/cases"
)

// store writes into etcd what an API server then reads, past admission and past the rules that make some states (an
// object that is being deleted, say) hard to hold. An API server reads JSON from its storage as well as protobuf, and
// the question of a dry run always reads etcd, not a cache.
type store struct {
	etcd *clientv3.Client
	// baseline is what belongs to the server itself.
	baseline map[string]bool
}

const registry = "/registry/"

// folders are those that are named otherwise than the resource.
var folders = map[schema.GroupResource]string{
	{Resource: "endpoints"}:              "services/endpoints",
	{Resource: "nodes"}:                  "minions",
	{Resource: "replicationcontrollers"}: "controllers",
	{Resource: "services"}:               "services/specs",
	{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"}: "apiextensions.k8s.io/customresourcedefinitions",
	{Group: "apiregistration.k8s.io", Resource: "apiservices"}:             "apiregistration.k8s.io/apiservices",
	{Group: "networking.k8s.io", Resource: "ingresses"}:                    "ingress",
}

// keyOf is the place of the object that a request is about. A read through the API shows whether it is right.
func keyOf(r *cases.Request, custom bool) string {
	resource := schema.GroupResource{Group: r.Group, Resource: r.Resource}
	folder, ok := folders[resource]
	switch {
	case custom:
		folder = r.Group + "/" + r.Resource
	case !ok:
		folder = r.Resource
	}
	if r.Namespaced() {
		folder += "/" + r.Namespace
	}
	return registry + folder + "/" + r.Name
}

func (s *store) put(ctx context.Context, key string, object map[string]any) error {
	data, err := json.Marshal(object)
	if err != nil {
		return err
	}
	_, err = s.etcd.Put(ctx, key, string(data))
	return err
}

// keep remembers what is at a place. The returned function brings it back: a case may be about an object that the server,
// the manifest or other cases need.
func (s *store) keep(ctx context.Context, key string) (restore func() error, err error) {
	found, err := s.etcd.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	if len(found.Kvs) == 0 {
		return func() error { return s.remove(ctx, key) }, nil
	}
	before := string(found.Kvs[0].Value)
	return func() error {
		_, err := s.etcd.Put(ctx, key, before)
		return err
	}, nil
}

func (s *store) remove(ctx context.Context, key string) error {
	_, err := s.etcd.Delete(ctx, key)
	return err
}

// remember makes everything that is there the baseline.
func (s *store) remember(ctx context.Context) error {
	keys, err := s.keys(ctx)
	if err != nil {
		return err
	}
	s.baseline = map[string]bool{}
	for _, key := range keys {
		s.baseline[key] = true
	}
	return nil
}

// reset removes everything that is not of the baseline.
func (s *store) reset(ctx context.Context) error {
	keys, err := s.keys(ctx)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if s.baseline[key] {
			continue
		}
		if err := s.remove(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// keys lists what tests may have made. The server writes the rest by itself, at any time.
func (s *store) keys(ctx context.Context) ([]string, error) {
	found, err := s.etcd.Get(ctx, registry, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, kv := range found.Kvs {
		key := string(kv.Key)
		switch folder, _, _ := strings.Cut(strings.TrimPrefix(key, registry), "/"); folder {
		case "events", "leases", "masterleases", "ranges", "apiregistration.k8s.io", "flowschemas", "prioritylevelconfigurations":
		default:
			keys = append(keys, key)
		}
	}
	return keys, nil
}
