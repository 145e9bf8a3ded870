//go:build chart

package chart

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

// rendering is what helm makes of one set of values.
type rendering struct {
	set                string // "" if it is none of the files
	release, namespace string
	text               string
	objects            []metav1.Object
}

// identities are the releases and namespaces of sets that care.
var identities = map[string][2]string{
	"long-names":   {"a" + strings.Repeat("b", 41) + "c", strings.Repeat("n", 63)},
	"number-names": {"1", "2"},
}

func identity(set string) (release, namespace string) {
	if id, ok := identities[set]; ok {
		return id[0], id[1]
	}
	return "mg", "graph"
}

// sets returns the names of all sets of values.
func sets(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(valuesDir, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("find sets of values in %s: %d, %v", valuesDir, len(files), err)
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(filepath.Base(file), ".yaml")
	}
	return files
}

// eachSet runs a test for every set of values.
func eachSet(t *testing.T, test func(*testing.T, *rendering)) {
	t.Helper()
	for _, set := range sets(t) {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			test(t, render(t, set))
		})
	}
}

// rendered keeps the rendering of each set: several tests look at it.
var rendered sync.Map // of func() (*rendering, error), by set

// render returns what helm makes of a set of values.
func render(t *testing.T, set string) *rendering {
	t.Helper()
	once, _ := rendered.LoadOrStore(set, sync.OnceValues(func() (*rendering, error) {
		release, namespace := identity(set)
		r, err := template(t, chartDir, release, namespace, "--values", filepath.Join(valuesDir, set+".yaml"))
		if err != nil {
			return nil, err
		}
		r.set = set
		return r, nil
	}))
	r, err := once.(func() (*rendering, error))()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// with returns what helm makes of the defaults and some flags.
func with(t *testing.T, flags ...string) *rendering {
	t.Helper()
	r, err := template(t, chartDir, "mg", "graph", flags...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// template renders a chart for the newest Kubernetes, and decodes it.
func template(t *testing.T, chart, release, namespace string, flags ...string) (*rendering, error) {
	t.Helper()
	args := append([]string{"template", release, chart, "--namespace", namespace, "--kube-version", newest(t)}, flags...)
	out, err := run(t, helm, args...)
	if err != nil {
		return nil, err
	}
	objects, err := decode(out)
	return &rendering{"", release, namespace, out, objects}, err
}

// strict refuses fields that a kind does not have, and keys that are there twice.
var strict = serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()

// decode reads manifests. Kinds that Kubernetes itself does not have become
// unstructured.
func decode(text string) ([]metav1.Object, error) {
	var objects []metav1.Object
	reader := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("split manifests: %w", err)
		}
		object, err := decodeOne(document)
		if err != nil {
			return nil, fmt.Errorf("decode: %w:\n%s", err, document)
		}
		if object != nil {
			objects = append(objects, object)
		}
	}
}

func decodeOne(document []byte) (metav1.Object, error) {
	loose := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(document, &loose.Object); err != nil || loose.Object == nil {
		return nil, err
	}
	typed, _, err := strict.Decode(document, nil, nil)
	if runtime.IsNotRegisteredError(err) {
		return loose, nil
	}
	if err != nil {
		return nil, err
	}
	return typed.(metav1.Object), nil
}

// all returns the objects of a type.
func all[T metav1.Object](r *rendering) []T {
	var found []T
	for _, object := range r.objects {
		if o, ok := object.(T); ok {
			found = append(found, o)
		}
	}
	return found
}

// one returns the object of a type that is called name, or the only one if name is "".
func one[T metav1.Object](t *testing.T, r *rendering, name string) T {
	t.Helper()
	found := all[T](r)
	found = slices.DeleteFunc(found, func(o T) bool { return name != "" && o.GetName() != name })
	if len(found) != 1 {
		t.Fatalf("%d objects of type %T called %q, want 1", len(found), *new(T), name)
	}
	return found[0]
}

// has reports whether there is an object of a type that is called name.
func has[T metav1.Object](r *rendering, name string) bool {
	return slices.ContainsFunc(all[T](r), func(o T) bool { return o.GetName() == name })
}

func statefulSet(t *testing.T, r *rendering) *appsv1.StatefulSet {
	t.Helper()
	return one[*appsv1.StatefulSet](t, r, "")
}

func deployment(t *testing.T, r *rendering) *appsv1.Deployment {
	t.Helper()
	return one[*appsv1.Deployment](t, r, "")
}

// pod is a pod as an object of the release makes it.
type pod struct {
	of     string
	labels map[string]string
	spec   corev1.PodSpec
}

// pods returns the pods of a release, that of helm test too.
func (r *rendering) pods() []pod {
	var pods []pod
	for _, o := range r.objects {
		switch o := o.(type) {
		case *appsv1.StatefulSet:
			pods = append(pods, pod{"StatefulSet " + o.Name, o.Spec.Template.Labels, o.Spec.Template.Spec})
		case *appsv1.Deployment:
			pods = append(pods, pod{"Deployment " + o.Name, o.Spec.Template.Labels, o.Spec.Template.Spec})
		case *corev1.Pod:
			pods = append(pods, pod{"Pod " + o.Name, o.Labels, o.Spec})
		}
	}
	return pods
}

// containers returns the containers of a pod, those that prepare it first.
func (p pod) containers() []corev1.Container {
	return slices.Concat(p.spec.InitContainers, p.spec.Containers)
}

// container returns one of some containers.
func container(t *testing.T, among []corev1.Container, name string) corev1.Container {
	t.Helper()
	i := slices.IndexFunc(among, func(c corev1.Container) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no container %s", name)
	}
	return among[i]
}

func memgraph(t *testing.T, r *rendering) corev1.Container {
	t.Helper()
	return container(t, statefulSet(t, r).Spec.Template.Spec.Containers, "memgraph")
}

func prepareNode(t *testing.T, r *rendering) corev1.Container {
	t.Helper()
	return container(t, statefulSet(t, r).Spec.Template.Spec.InitContainers, "prepare-node")
}

func controller(t *testing.T, r *rendering) corev1.Container {
	t.Helper()
	return container(t, deployment(t, r).Spec.Template.Spec.Containers, "controller")
}

// read returns a file of the repository.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
