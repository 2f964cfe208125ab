package live

import (
	"encoding/base64"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/hooks"
)

// redirect has a server of ours stand for all webhooks of a configuration, whose Services and hosts do not exist. Nothing else of it
// changes.
func (j *Judge) redirect(object *unstructured.Unstructured) error {
	if j.hooks == nil {
		j.hooks = hooks.Start()
	}
	list, _, err := unstructured.NestedSlice(object.Object, "webhooks")
	if err != nil {
		return err
	}
	for _, item := range list {
		hook, ok := item.(map[string]any)
		if !ok {
			return fmt.Errorf("a webhook of %s is no map", object.GetName())
		}
		hook["clientConfig"] = map[string]any{
			"url": j.hooks.URL(fmt.Sprint(hook["name"])), "caBundle": base64.StdEncoding.EncodeToString(j.hooks.CA),
		}
	}
	return unstructured.SetNestedSlice(object.Object, list, "webhooks")
}

func (j *Judge) forgetCalls() {
	if j.hooks != nil {
		j.hooks.Forget()
	}
}

// calledFor are the webhooks that were called for requests of the requester: a server has more to write than what is asked.
func (j *Judge) calledFor(r *cases.Request) []string {
	if j.hooks == nil {
		return nil
	}
	var called []string
	for _, call := range j.hooks.Calls() {
		if name := call.Request.UserInfo.Username; name == r.User.Username || r.User.Username == "" && name == anyone {
			called = append(called, call.Hook)
		}
	}
	return called
}
