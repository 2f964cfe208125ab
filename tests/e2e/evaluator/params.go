package evaluator

import (
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// params are the objects of one kind that policies take as parameters: those of the manifest and, during a request,
// the stored object that the request is about.
type params struct {
	kind    schema.GroupVersionKind
	scope   meta.RESTScope
	indexer cache.Indexer
}

var _ informers.GenericInformer = &params{}

func newParams(kind schema.GroupVersionKind, namespaced bool) *params {
	p := &params{
		kind:    kind,
		scope:   meta.RESTScopeRoot,
		indexer: cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}),
	}
	if namespaced {
		p.scope = meta.RESTScopeNamespace
	}
	return p
}

func (p *params) Lister() cache.GenericLister {
	return cache.NewGenericLister(p.indexer, schema.GroupResource{Group: p.kind.Group, Resource: p.kind.Kind})
}

func (p *params) Informer() cache.SharedIndexInformer { return synced{} }

// put stores an object until the returned function is called, which brings back what it replaced.
func (p *params) put(object *unstructured.Unstructured) (restore func()) {
	before, exists, _ := p.indexer.Get(object)
	p.indexer.Add(object)
	return func() {
		if exists {
			p.indexer.Update(before)
		} else {
			p.indexer.Delete(object)
		}
	}
}

// synced is the part of an informer that the plugin asks before it lists.
type synced struct{ cache.SharedIndexInformer }

func (synced) HasSynced() bool { return true }
