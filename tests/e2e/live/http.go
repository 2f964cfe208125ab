package live

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"klock.dev/e2e/cases"
	"klock.dev/e2e/cluster"
)

// client speaks plain HTTP to an API server, as the administrator or as a user that it impersonates.
type client struct {
	host  string
	token string
	http  *http.Client
}

func newClient(c *cluster.Cluster) (*client, error) {
	transport, err := rest.TransportFor(&rest.Config{Host: c.Config.Host, TLSClientConfig: c.Config.TLSClientConfig})
	if err != nil {
		return nil, err
	}
	return &client{host: c.Config.Host, token: c.Config.BearerToken, http: &http.Client{Transport: transport}}, nil
}

// reply is an answer of the API server.
type reply struct {
	code     int
	body     []byte
	warnings []string
}

func (r *reply) ok() bool { return r.code >= 200 && r.code < 300 }

// message is the text of a Status, or the body where it is none.
func (r *reply) message() string {
	var status metav1.Status
	if json.Unmarshal(r.body, &status) == nil && status.Message != "" {
		return status.Message
	}
	return strings.TrimSpace(string(r.body))
}

func (r *reply) err() error {
	if r.ok() {
		return nil
	}
	return fmt.Errorf("%d: %s", r.code, r.message())
}

// do sends a request. Without a user it is the administrator's.
func (c *client) do(ctx context.Context, method, path string, query url.Values, body any, user *cases.User) (*reply, error) {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	target := c.host + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		if method == http.MethodPatch {
			req.Header.Set("Content-Type", "application/merge-patch+json")
		}
	}
	if user != nil {
		impersonate(req.Header, user)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer := &reply{code: resp.StatusCode}
	for _, header := range resp.Header.Values("Warning") {
		// 299 - "text"
		if parts := strings.SplitN(header, " ", 3); len(parts) == 3 {
			text := strings.TrimSuffix(strings.TrimPrefix(parts[2], `"`), `"`)
			answer.warnings = append(answer.warnings, strings.ReplaceAll(text, `\"`, `"`))
		}
	}
	answer.body, err = io.ReadAll(resp.Body)
	return answer, err
}

func impersonate(header http.Header, user *cases.User) {
	header.Set("Impersonate-User", user.Username)
	if user.UID != "" {
		header.Set("Impersonate-Uid", user.UID)
	}
	for _, group := range user.Groups {
		header.Add("Impersonate-Group", group)
	}
	for key, values := range user.Extra {
		for _, value := range values {
			header.Add("Impersonate-Extra-"+url.PathEscape(key), value)
		}
	}
}

// collection is the path of a resource's collection.
func collection(group, version, resource, namespace string) string {
	path := "/api/" + version
	if group != "" {
		path = "/apis/" + group + "/" + version
	}
	if namespace != "" {
		path += "/namespaces/" + url.PathEscape(namespace)
	}
	return path + "/" + resource
}

func collectionOf(r *cases.Request) string {
	namespace := ""
	if r.Namespaced() {
		namespace = r.Namespace
	}
	return collection(r.Group, r.Version, r.Resource, namespace)
}

func itemOf(r *cases.Request) string {
	return collectionOf(r) + "/" + url.PathEscape(r.Name)
}
