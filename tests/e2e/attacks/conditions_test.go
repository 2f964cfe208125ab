package attacks

import (
	"fmt"
	"strings"
)

// The ways that lead through what a lock reads, and through requests that it lets pass.
var waysByCondition = []way{
	{
		number: 63, name: "mutation-of-an-exempt-request",
		policy: fmt.Sprintf(redPods, "delete"),
		setup: func(w *world) {
			runningApp(w)
			w.makeAsIs(strings.Replace(w.webhook("MutatingWebhookConfiguration", w.ns), "[configmaps]", "[configmaps, pods/status]", 1))
			w.asked()
		},
		acts: []act{
			{what: "have a webhook take the label off what a kubelet writes", do: func(w *world) error {
				return w.Node("n1").Patch(w.at("pods NS/app/status"), `{"status":{"message":"as ever"}}`)
			}},
			removes("pods NS/app"),
		},
		done: gone("pods NS/app"),
		after: func(w *world) {
			ending(mutating)(w)
			w.Until("the kubelet goes on without the webhook", func() bool {
				return w.Node("n1").Patch(w.at("pods NS/app/status"), `{"status":{"message":"as before"}}`) == nil
			})
		},
		end: ending(mutating),
	},
	{
		number: 64, name: "condition",
		policy: `
lock guarded {
  resources  configmaps
  namespace  NS
  deny       delete
  when       label aura = red
  exclusive  sa NS/keeper
}
lock consent {
  resources  configmaps
  namespace  NS
  name       other
  deny       delete
  unless     label released
}
`,
		setup: makes(vault, `{apiVersion: v1, kind: ConfigMap, metadata: {name: other, namespace: NS}}`),
		acts: []act{
			patches("configmaps NS/vault", `{"metadata":{"labels":{"aura":"blue"}}}`),
			removes("configmaps NS/vault"),
		},
		done: gone("configmaps NS/vault"),
		after: func(w *world) {
			w.refusedBy("lock consent", "delete without consent", w.mallory.Remove(w.at("configmaps NS/other")))
			w.passes("whoever may write the object consents", func() error {
				return w.mallory.Patch(w.at("configmaps NS/other"), `{"metadata":{"labels":{"released":"yes"}}}`)
			})
			w.passes("and it is deleted", func() error { return w.mallory.Remove(w.at("configmaps NS/other")) })
			w.passes("the keeper relabels", func() error {
				return w.keeper.Patch(w.at("configmaps NS/vault"), `{"metadata":{"labels":{"aura":"blue"}}}`)
			})
		},
	},
}
