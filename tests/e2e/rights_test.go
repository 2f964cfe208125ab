package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
	"klock.dev/e2e/stage"
)

const rights = `policy rights

actor web = new sa shop/web

grant web-reads to web {
  resources  configmaps
  namespace  shop
  allow      get, list
}

grant helpdesk to user helper {
  may impersonate  %s
}

%s
grant quotas {
  resources     resourcequotas
  namespace     *
  allow         create
  aggregate to  edit
}

grant shop to user builder {
  role       edit
  namespace  shop
}

grant health to user probe {
  urls   "/metrics"
  allow  get
}
`

const constrained = `grant look to user looker {
  resources        configmaps
  namespace        shop
  allow            list
  may impersonate  sa shop/web
}
`

// TestRights does what grants allow that are of no verb on a resource: acts as somebody else, with a token of one's own
// and the headers of kubectl --as; asks for paths; and waits for what a controller gathers into `edit`.
func TestRights(t *testing.T) {
	cases.NeedKlockc(t)
	t.Parallel()
	for _, minor := range cluster.MinorsForTest(t) {
		t.Run(minor, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			c := cluster.ForTest(t, cluster.Options{Minor: minor, ControllerManager: true, Users: map[string][]string{"helper": nil, "looker": nil, "builder": nil, "probe": nil, "nobody": nil}})
			s := stage.New(t, c)
			s.Namespace("shop", "")
			s.Namespace("other", "")
			knowsConstrained := cluster.AtLeast(minor, "1.36")
			more, options := "", []string{}
			if knowsConstrained {
				more, options = constrained, []string{"--kubernetes", "1.36"}
			}
			file := filepath.Join(t.TempDir(), "rights.klock")
			if err := os.WriteFile(file, fmt.Appendf(nil, rights, "sa shop/web, user dev1 and group devs", more), 0o600); err != nil {
				t.Fatal(err)
			}
			s.Apply(cases.MustCompile(t, append(options, file)...))
			if err := c.Bind(ctx, "view", "devs"); err != nil {
				t.Fatal(err)
			}

			// as asks with the token of one, as another.
			as := func(user string, who rest.ImpersonationConfig) kubernetes.Interface {
				config := c.WithTokenOf(user)
				config.Impersonate = who
				return kubernetes.NewForConfigOrDie(config)
			}
			web := rest.ImpersonationConfig{UserName: "system:serviceaccount:shop:web"}
			list := func(client kubernetes.Interface, namespace string) func() error {
				return func() error {
					_, err := client.CoreV1().ConfigMaps(namespace).List(ctx, metav1.ListOptions{})
					return err
				}
			}
			get := func(client kubernetes.Interface) func() error {
				return func() error {
					_, err := client.CoreV1().ConfigMaps("shop").Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
					return err
				}
			}
			path := func(client kubernetes.Interface, path string) func() error {
				return func() error { return client.Discovery().RESTClient().Get().AbsPath(path).Do(ctx).Error() }
			}
			quota := func(client kubernetes.Interface, namespace string) func() error {
				review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
					ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "create", Resource: "resourcequotas"},
				}}
				return func() error {
					answer, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
					if err == nil && !answer.Status.Allowed {
						return apierrors.NewForbidden(schema.GroupResource{Resource: "resourcequotas"}, "", nil)
					}
					return err
				}
			}
			dev1, devs := rest.ImpersonationConfig{UserName: "dev1"}, rest.ImpersonationConfig{UserName: "dev1", Groups: []string{"devs"}}
			none := rest.ImpersonationConfig{}
			for _, try := range []struct {
				what    string
				request func() error
				allowed bool
			}{
				{"the helper lists as the account", list(as("helper", web), "shop"), true},
				{"the helper lists as dev1 of devs", list(as("helper", devs), "other"), true},
				{"the helper lists as dev1 alone, who holds nothing", list(as("helper", dev1), "shop"), false},
				{"the helper is itself", list(as("helper", none), "shop"), false},
				{"the helper is an administrator", list(as("helper", rest.ImpersonationConfig{UserName: "kubernetes-admin", Groups: []string{"system:masters"}}), "shop"), false},
				{"the helper is another account", list(as("helper", rest.ImpersonationConfig{UserName: "system:serviceaccount:other:web"}), "shop"), false},
				{"nobody is the account", list(as("nobody", web), "shop"), false},
				{"the probe asks for metrics", path(as("probe", none), "/metrics"), true},
				{"the probe asks for logs", path(as("probe", none), "/logs"), false},
				{"nobody asks for metrics", path(as("nobody", none), "/metrics"), false},
				{"the builder makes quotas in shop", quota(as("builder", none), "shop"), true},
				{"the builder makes quotas elsewhere", quota(as("builder", none), "other"), false},
			} {
				// Roles act a moment after they are there, and what a controller gathers later.
				if try.allowed {
					s.Until(try.what, func() bool { return try.request() == nil })
				} else if err := try.request(); !apierrors.IsForbidden(err) {
					t.Errorf("%s: %v", try.what, err)
				}
			}
			if !knowsConstrained {
				return
			}
			s.Until("the looker lists as the account", func() bool { return list(as("looker", web), "shop")() == nil })
			if err := get(as("looker", web))(); !apierrors.IsForbidden(err) {
				t.Errorf("the looker reads as the account what it may only list: %v", err)
			}
			if err := get(as("helper", web))(); err != nil {
				t.Errorf("the helper reads as the account: %v", err)
			}
		})
	}
}
