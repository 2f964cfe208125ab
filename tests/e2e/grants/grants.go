// Package grants reads from API servers what the control plane may write, and makes compiler/kubernetes/exemptions.def of it.
package grants

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"

	"klock.dev/e2e/cluster"
)

const (
	bootstrapping = "kubernetes.io/bootstrapping=rbac-defaults"
	accountPrefix = "system:serviceaccount:"
	nodes         = "system:nodes"

	// NodeAuthorizer is the source of what nodes may do beside their role.
	NodeAuthorizer = "the Node authorizer"
)

// Operations of admission, as bits, with the names that they have in exemptions.def.
type Operations uint

const (
	Create Operations = 1 << iota
	Update
	Delete
)

func (o Operations) String() string {
	switch o {
	case Create | Update | Delete:
		return "OPS_WRITE"
	case Update | Delete:
		return "OPS_STORED"
	}
	var names []string
	for bit, name := range map[Operations]string{Create: "OP_CREATE", Update: "OP_UPDATE", Delete: "OP_DELETE"} {
		if o&bit != 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " | ")
}

// What a verb of RBAC asks of admission. The special ones (bind, escalate, impersonate, sign, …) write nothing.
var operationOf = map[string]Operations{
	"create": Create, "update": Update, "patch": Update, "delete": Delete, "deletecollection": Delete,
	"*": Create | Update | Delete,
}

// Work is what an account may write: a resource, or one subresource of it. "*" is every group, resource or subresource.
type Work struct {
	// User is exact, or the group of the nodes.
	User string
	// Namespace is empty where the grant holds everywhere.
	Namespace                    string
	Group, Resource, Subresource string
}

func (w Work) String() string {
	name := w.Resource
	if w.Group != "" {
		name += "." + w.Group
	}
	if w.Subresource != "" {
		name += "/" + w.Subresource
	}
	if w.Namespace != "" {
		name += " in " + w.Namespace
	}
	return w.User + ": " + name
}

// Grant is what one server grants of a piece of work, and by what.
type Grant struct {
	Operations Operations
	Sources    []string
}

// Grants are all of one server.
type Grants map[Work]Grant

func (g Grants) add(w Work, o Operations, source string) {
	if o == 0 {
		return
	}
	known := g[w]
	known.Operations |= o
	if !slices.Contains(known.Sources, source) {
		known.Sources = append(known.Sources, source)
	}
	g[w] = known
}

// Flags let a server grant what its minor knows of: by default, or with every feature that it has. The Node authorizer is
// there for what no role lists.
func Flags(gates bool) []string {
	flags := []string{"--runtime-config=api/all=true", "--authorization-mode=Node"}
	if gates {
		flags = append(flags, "--feature-gates=AllAlpha=true,AllBeta=true")
	}
	return flags
}

// Of reads what the bootstrap roles and the Node authorizer of a server grant.
func Of(ctx context.Context, c *cluster.Cluster) (Grants, error) {
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return nil, err
	}
	served, err := readServed(client.Discovery())
	if err != nil {
		return nil, err
	}
	grants := Grants{}
	if err := grants.readRoles(ctx, client, served); err != nil {
		return nil, err
	}
	return grants, grants.askNode(ctx, client, served)
}

// ---- what is served ----

type served map[[3]string]bool

func readServed(client discovery.DiscoveryInterface) (served, error) {
	_, lists, err := client.ServerGroupsAndResources()
	if err != nil {
		return nil, err
	}
	known := served{}
	for _, list := range lists {
		group, _, ok := strings.Cut(list.GroupVersion, "/")
		if !ok {
			group = ""
		}
		for _, r := range list.APIResources {
			resource, subresource, _ := strings.Cut(r.Name, "/")
			known[[3]string{group, resource, subresource}] = true
		}
	}
	return known, nil
}

// has says whether there is anything that the rule could mean: RBAC names subresources such as `finalizers`, which are
// permissions alone.
func (s served) has(group, resource, subresource string) bool {
	return resource == "*" || s[[3]string{group, resource, subresource}]
}

// ---- roles ----

func (g Grants) readRoles(ctx context.Context, client kubernetes.Interface, known served) error {
	options := metav1.ListOptions{LabelSelector: bootstrapping}
	clusterRoles, err := client.RbacV1().ClusterRoles().List(ctx, options)
	if err != nil {
		return err
	}
	roles, err := client.RbacV1().Roles("").List(ctx, options)
	if err != nil {
		return err
	}
	rules := map[string][]rbacv1.PolicyRule{}
	for _, role := range clusterRoles.Items {
		rules["/"+role.Name] = role.Rules
	}
	for _, role := range roles.Items {
		rules[role.Namespace+"/"+role.Name] = role.Rules
	}
	clusterBindings, err := client.RbacV1().ClusterRoleBindings().List(ctx, options)
	if err != nil {
		return err
	}
	bindings, err := client.RbacV1().RoleBindings("").List(ctx, options)
	if err != nil {
		return err
	}
	if len(clusterBindings.Items) == 0 || len(bindings.Items) == 0 {
		return errors.New("the server has no bootstrap bindings")
	}
	for _, b := range clusterBindings.Items {
		g.readRules(known, b.Subjects, "", b.RoleRef.Name, rules["/"+b.RoleRef.Name])
	}
	for _, b := range bindings.Items {
		in := b.Namespace
		if b.RoleRef.Kind == "ClusterRole" {
			in = ""
		}
		g.readRules(known, b.Subjects, b.Namespace, b.RoleRef.Name, rules[in+"/"+b.RoleRef.Name])
	}
	// Nodes have this role from the Node authorizer, which looks at more than its rules say.
	g.readRules(known, []rbacv1.Subject{{Kind: rbacv1.GroupKind, Name: nodes}}, "", "system:node", rules["/system:node"])
	return nil
}

func (g Grants) readRules(known served, subjects []rbacv1.Subject, namespace, role string, rules []rbacv1.PolicyRule) {
	for _, subject := range subjects {
		user := controlPlane(subject)
		if user == "" {
			continue
		}
		for _, rule := range rules {
			var operations Operations
			for _, verb := range rule.Verbs {
				operations |= operationOf[verb]
			}
			for _, group := range rule.APIGroups {
				for _, name := range rule.Resources {
					resource, subresource, _ := strings.Cut(name, "/")
					if name == "*" {
						subresource = "*"
					}
					if known.has(group, resource, subresource) {
						g.add(Work{user, namespace, group, resource, subresource}, operations, role)
					}
				}
			}
		}
	}
}

// controlPlane is the name of an account of the control plane; empty for people, and for everybody who is authenticated.
func controlPlane(s rbacv1.Subject) string {
	switch {
	case s.Kind == rbacv1.ServiceAccountKind && s.Namespace == metav1.NamespaceSystem:
		return accountPrefix + s.Namespace + ":" + s.Name
	case s.Kind == rbacv1.UserKind && strings.HasPrefix(s.Name, "system:"), s.Kind == rbacv1.GroupKind && s.Name == nodes:
		return s.Name
	}
	return ""
}

// ---- what the Node authorizer grants by its code ----

const node = "klock-node"

// askNode asks the authorizer of everything that is served, in the name of a node. Of most it looks at the name of the
// object: that of the node, or one that leads to it.
func (g Grants) askNode(ctx context.Context, client kubernetes.Interface, known served) error {
	if err := makeSlice(ctx, client, known); err != nil {
		return err
	}
	for key := range known {
		for _, verb := range []string{"create", "update", "patch", "delete", "deletecollection"} {
			for _, namespace := range []string{"", "kube-node-lease"} {
				review, err := client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
					Spec: authorizationv1.SubjectAccessReviewSpec{
						User: "system:node:" + node, Groups: []string{nodes, "system:authenticated"},
						ResourceAttributes: &authorizationv1.ResourceAttributes{
							Verb: verb, Group: key[0], Resource: key[1], Subresource: key[2], Namespace: namespace, Name: node,
						},
					},
				}, metav1.CreateOptions{})
				if err != nil {
					return err
				}
				w := Work{nodes, "", key[0], key[1], key[2]}
				if review.Status.Allowed && !isReview(key[1]) && g[w].Operations&operationOf[verb] == 0 {
					g.add(w, operationOf[verb], NodeAuthorizer)
				}
			}
		}
	}
	return nil
}

// isReview tells questions of oneself, which everybody who is authenticated may ask.
func isReview(resource string) bool { return strings.HasPrefix(resource, "selfsubject") }

// makeSlice makes the one object that leads the Node authorizer to a right that no role lists, where it is served.
func makeSlice(ctx context.Context, client kubernetes.Interface, known served) error {
	if !known[[3]string{"resource.k8s.io", "resourceslices", ""}] {
		return nil
	}
	_, lists, err := client.Discovery().ServerGroupsAndResources()
	if err != nil {
		return err
	}
	for _, list := range lists {
		version, ok := strings.CutPrefix(list.GroupVersion, "resource.k8s.io/")
		if !ok || !slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == "resourceslices" }) {
			continue
		}
		spec := fmt.Sprintf(`"spec": {"driver": "klock.dev", "nodeName": %q, "pool": {"name": %[1]q, "generation": 1, "resourceSliceCount": 1}, "devices": []}`, node)
		if version == "v1alpha2" {
			spec = fmt.Sprintf(`"nodeName": %q, "driverName": "klock.dev", "namedResources": {"instances": []}`, node)
		}
		body := fmt.Sprintf(`{"apiVersion": %q, "kind": "ResourceSlice", "metadata": {"name": %q}, %s}`, list.GroupVersion, node, spec)
		path := "/apis/" + list.GroupVersion + "/resourceslices"
		if err := client.Discovery().RESTClient().Post().AbsPath(path).Body([]byte(body)).Do(ctx).Error(); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	}
	return nil
}

// Read starts the servers of a minor and reads what they grant.
func Read(ctx context.Context, minor string) (Servers, error) {
	s := Servers{Minor: minor}
	for _, gates := range []bool{false, true} {
		grants, err := read(ctx, minor, gates)
		if err != nil {
			return s, err
		}
		if gates {
			s.Gated = grants
		} else {
			s.Default = grants
		}
	}
	return s, nil
}

func read(ctx context.Context, minor string, gates bool) (Grants, error) {
	c, err := cluster.Start(cluster.Options{Minor: minor, APIServerFlags: Flags(gates)})
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(c.Dir)
	defer c.Stop()
	return Of(ctx, c)
}
