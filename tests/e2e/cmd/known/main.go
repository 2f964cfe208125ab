// Command known writes compiler/kubernetes/known.def from the CustomResourceDefinitions that projects publish in their Go
// modules. What the proxy for modules does not have is read from a clone:
//
//	go run ./cmd/known -clone github.com/fluxcd/helm-controller=/tmp/helm-controller
package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apimachinery/pkg/version"
	goyaml "sigs.k8s.io/yaml"

	"klock.dev/e2e/cluster"
)

// A source is a release of a project and the files in it that hold definitions: a directory, or one file. What several
// have is taken from the first.
type source struct {
	project, module, version string
	paths                    []string
}

var sources = []source{
	{"argocd", "github.com/argoproj/argo-cd/v3", "v3.6.1", []string{"manifests/crds/"}},
	{"cert-manager", "github.com/cert-manager/cert-manager", "v1.21.2", []string{"deploy/crds/"}},
	{"cloudnative-pg", "github.com/cloudnative-pg/cloudnative-pg", "v1.30.0", []string{"config/crd/bases/"}},
	{"cluster-api", "sigs.k8s.io/cluster-api", "v1.14.2", []string{"core/config/crd/bases/", "bootstrap/kubeadm/config/crd/bases/", "controlplane/kubeadm/config/crd/bases/"}},
	{"cluster-autoscaler", "github.com/kubernetes/autoscaler", "cluster-autoscaler-1.36.1", []string{"cluster-autoscaler/apis/config/crd/"}},
	{"crossplane", "github.com/crossplane/crossplane/v2", "v2.3.4", []string{"cluster/crds/"}},
	{"external-secrets", "github.com/external-secrets/external-secrets", "v1.3.2", []string{"config/crds/bases/"}},
	{"flux", "github.com/fluxcd/helm-controller", "v1.6.3", []string{"config/crd/bases/"}},
	{"flux", "github.com/fluxcd/image-automation-controller", "v1.2.1", []string{"config/crd/bases/"}},
	{"flux", "github.com/fluxcd/image-reflector-controller", "v1.2.0", []string{"config/crd/bases/"}},
	{"flux", "github.com/fluxcd/kustomize-controller", "v1.10.1", []string{"config/crd/bases/"}},
	{"flux", "github.com/fluxcd/notification-controller", "v1.9.3", []string{"config/crd/bases/"}},
	{"flux", "github.com/fluxcd/source-controller", "v1.10.1", []string{"config/crd/bases/"}},
	{"gateway-api", "sigs.k8s.io/gateway-api", "v1.7.0", []string{"config/crd/standard/", "config/crd/experimental/"}},
	{"istio", "istio.io/api", "v1.32.0", []string{"kubernetes/customresourcedefinitions.gen.yaml"}},
	{"karpenter", "sigs.k8s.io/karpenter", "v1.15.0", []string{"pkg/apis/crds/karpenter"}},
	{"karpenter", "github.com/aws/karpenter-provider-aws", "v1.15.2", []string{"pkg/apis/crds/karpenter.k8s.aws"}},
	{"keda", "github.com/kedacore/keda/v2", "v2.21.0", []string{"config/crd/bases/"}},
	{"longhorn", "github.com/longhorn/longhorn-manager", "v1.12.1", []string{"k8s/crds.yaml"}},
	{"prometheus-operator", "github.com/prometheus-operator/prometheus-operator", "v0.85.0", []string{"example/prometheus-operator-crd/"}},
	{"velero", "github.com/vmware-tanzu/velero", "v1.18.3", []string{"config/crd/v1/bases/", "config/crd/v2alpha1/bases/"}},
}

type definition struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Group, Scope string
		Names        struct {
			Plural, Singular, Kind string
			ShortNames             []string
		}
		Versions []struct {
			Name         string
			Served       bool
			Subresources struct {
				Status *struct{}
				Scale  *struct{ SpecReplicasPath string }
			}
		}
	}
}

type clones map[string]string

func (c clones) String() string { return "" }

func (c clones) Set(text string) error {
	module, dir, found := strings.Cut(text, "=")
	if !found {
		return errors.New("expected MODULE=DIRECTORY")
	}
	c[module] = dir
	return nil
}

func main() {
	from := clones{}
	flag.Var(from, "clone", "MODULE=DIRECTORY: a clone with the tag, instead of the module")
	flag.Parse()
	text, err := table(from)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cluster.Root(), "compiler", "kubernetes", "known.def"), text, 0o600); err != nil {
		log.Fatal(err)
	}
}

func table(from clones) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("/* Kinds of projects that many clusters run, written by tests/e2e/cmd/known from the definitions that they publish:\n" +
		"   KNOWN(project, plural, singular, kind, group, preferred version, served versions, scope, short names, subresources,\n" +
		"   the field that scale writes, source). Sorted by project, group and plural. */\n")
	seen := map[string]bool{}
	for _, s := range sources {
		files, err := s.files(from[s.module])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.module, err)
		}
		var definitions []definition
		for _, file := range files {
			read, err := readDefinitions(file)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.module, err)
			}
			for _, d := range read {
				if !seen[d.Metadata.Name] {
					definitions = append(definitions, d)
				}
				seen[d.Metadata.Name] = true
			}
		}
		if len(definitions) == 0 {
			return nil, fmt.Errorf("%s: no definition", s.module)
		}
		slices.SortFunc(definitions, func(a, b definition) int {
			return cmp.Or(cmp.Compare(a.Spec.Group, b.Spec.Group), cmp.Compare(a.Spec.Names.Plural, b.Spec.Names.Plural))
		})
		for _, d := range definitions {
			line, err := d.line(s)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", s.module, d.Metadata.Name, err)
			}
			out.WriteString(line)
		}
	}
	return out.Bytes(), nil
}

// files are the contents of the files, those of an earlier path first.
func (s source) files(clone string) ([][]byte, error) {
	var files [][]byte
	for _, path := range s.paths {
		read := s.fromModule
		if clone != "" {
			read = func(path string) ([][]byte, error) { return s.fromClone(clone, path) }
		}
		found, err := read(path)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	return files, nil
}

func isWanted(name, path string) bool {
	return strings.HasPrefix(name, path) && strings.HasSuffix(name, ".yaml") && !strings.HasSuffix(name, "kustomization.yaml")
}

func (s source) fromModule(path string) ([][]byte, error) {
	// It says where the archive is even when it fails because the module needs a newer Go.
	answer, _ := exec.Command("go", "mod", "download", "-json", s.module+"@"+s.version).Output()
	var module struct{ Zip, Error string }
	if err := json.Unmarshal(answer, &module); err != nil {
		return nil, err
	}
	if module.Zip == "" {
		return nil, errors.New(module.Error)
	}
	archive, err := zip.OpenReader(module.Zip)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	var files [][]byte
	for _, entry := range archive.File {
		if !isWanted(strings.TrimPrefix(entry.Name, s.module+"@"+s.version+"/"), path) {
			continue
		}
		reader, err := entry.Open()
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(reader)
		reader.Close()
		if err != nil {
			return nil, err
		}
		files = append(files, content)
	}
	return files, nil
}

func (s source) fromClone(clone, path string) ([][]byte, error) {
	names, err := exec.Command("git", "-C", clone, "ls-tree", "-r", "--name-only", s.version).Output()
	if err != nil {
		return nil, err
	}
	var files [][]byte
	for name := range strings.Lines(string(names)) {
		name = strings.TrimSpace(name)
		if !isWanted(name, path) {
			continue
		}
		content, err := exec.Command("git", "-C", clone, "show", s.version+":"+name).Output()
		if err != nil {
			return nil, err
		}
		files = append(files, content)
	}
	return files, nil
}

// Charts put labels in.
var template = regexp.MustCompile(`(?m)^.*{{.*$`)

func readDefinitions(file []byte) ([]definition, error) {
	var definitions []definition
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(template.ReplaceAll(file, nil))))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return definitions, nil
		}
		if err != nil {
			return nil, err
		}
		var d definition
		if err := goyaml.Unmarshal(document, &d); err != nil {
			return nil, err
		}
		if d.Kind == "CustomResourceDefinition" {
			definitions = append(definitions, d)
		}
	}
}

func (d definition) line(s source) (string, error) {
	var versions, subresources []string
	replicas := ""
	has := map[string]bool{}
	for _, v := range d.Spec.Versions {
		if !v.Served {
			continue
		}
		versions = append(versions, v.Name)
		if v.Subresources.Status != nil {
			has["status"] = true
		}
		if scale := v.Subresources.Scale; scale != nil {
			path := strings.TrimPrefix(scale.SpecReplicasPath, ".")
			if has["scale"] && path != replicas {
				return "", errors.New("versions differ in what scale writes")
			}
			has["scale"], replicas = true, path
		}
	}
	if len(versions) == 0 {
		return "", errors.New("no version is served")
	}
	slices.SortFunc(versions, func(a, b string) int { return version.CompareKubeAwareVersionStrings(b, a) })
	for _, name := range []string{"scale", "status"} {
		if has[name] {
			subresources = append(subresources, name)
		}
	}
	scope, found := map[string]string{"Namespaced": "NAMESPACED", "Cluster": "CLUSTER"}[d.Spec.Scope]
	if !found || d.Metadata.Name != d.Spec.Names.Plural+"."+d.Spec.Group {
		return "", errors.New("no definition that a server takes")
	}
	names := d.Spec.Names
	return fmt.Sprintf("KNOWN(%q, %q, %q, %q, %q, %q, %q, %s, %q, %q, %q, %q)\n", s.project, names.Plural,
		cmp.Or(names.Singular, strings.ToLower(names.Kind)), names.Kind, d.Spec.Group, versions[0], strings.Join(versions, " "), scope,
		strings.Join(names.ShortNames, " "), strings.Join(subresources, " "), replicas, s.module+" "+s.version), nil
}
