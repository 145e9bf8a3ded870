// Command schemas writes the JSON schemas that the chart's manifests are checked
// against: those of Kubernetes' own kinds, one file a release, and those of the
// Prometheus operator's. They come from the OpenAPI document in the module
// k8s.io/kubernetes and from the CRDs in the operator's module, so that the Go
// module proxy is all it needs.
//
//	cd tools/chart && go run ./schemas ../../test/chart/schemas v1.28.15 v1.37.2
//
// Every release costs a download of 40 MB and 300 MB of disk until the end. What
// it writes has no descriptions and only the kinds that the chart may use, and
// refuses fields that Kubernetes does not know. It has no enumerations: the
// published OpenAPI document has none.
package main

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// operator is the release of the Prometheus operator whose kinds are written.
const operator = "v0.85.0"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "schemas:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("want a directory to write to and releases of Kubernetes, like v1.28.15")
	}
	cache, err := os.MkdirTemp("", "schemas-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(cache)
	for _, release := range args[1:] {
		if err := kubernetes(cache, args[0], release); err != nil {
			return fmt.Errorf("kubernetes %s: %w", release, err)
		}
	}
	if err := monitoring(cache, args[0]); err != nil {
		return fmt.Errorf("prometheus operator %s: %w", operator, err)
	}
	return nil
}

// kubernetes writes the schemas of one release to a file of its name.
func kubernetes(cache, to, release string) error {
	const document = "api/openapi-spec/swagger.json"
	files, err := fetch(cache, "k8s.io/kubernetes", release, document)
	if err != nil {
		return err
	}
	var swagger struct {
		Definitions map[string]object `json:"definitions"`
	}
	if err := json.Unmarshal(files[document], &swagger); err != nil {
		return fmt.Errorf("read %s: %w", document, err)
	}
	roots, needed, err := pick(swagger.Definitions, kinds)
	if err != nil {
		return err
	}
	return write(filepath.Join(to, release+".json"), roots, needed)
}

// monitoring writes the operator's kinds to a file named for their group.
func monitoring(cache, to string) error {
	const dir = "example/prometheus-operator-crd/monitoring.coreos.com_"
	roots, needed := []root{}, map[string]object{}
	for _, plural := range []string{"prometheusrules", "servicemonitors"} {
		files, err := fetch(cache, "github.com/prometheus-operator/prometheus-operator", operator, dir+plural+".yaml")
		if err != nil {
			return err
		}
		name, kind, schema, err := ofCRD(files[dir+plural+".yaml"])
		if err != nil {
			return fmt.Errorf("read CRD %s: %w", plural, err)
		}
		roots = append(roots, root{"monitoring.coreos.com/v1", kind, name})
		needed[name] = schema
	}
	return write(filepath.Join(to, "monitoring.coreos.com.json"), roots, needed)
}

// ofCRD returns the schema of version v1 of what a CRD defines.
func ofCRD(text []byte) (name, kind string, schema object, err error) {
	var crd struct {
		Metadata struct{ Name string }
		Spec     struct {
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Schema struct{ OpenAPIV3Schema object }
			}
		}
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		return "", "", nil, err
	}
	for _, v := range crd.Spec.Versions {
		if v.Name == "v1" {
			return crd.Metadata.Name, crd.Spec.Names.Kind, clean(v.Schema.OpenAPIV3Schema), nil
		}
	}
	return "", "", nil, errors.New("no version v1")
}

// fetch returns files of a module, by their path in it.
func fetch(cache, module, version string, paths ...string) (map[string][]byte, error) {
	command := exec.Command("go", "mod", "download", "-json", module+"@"+version)
	command.Env = append(os.Environ(), "GOMODCACHE="+cache, "GOFLAGS=-modcacherw", "GOWORK=off")
	out, err := command.Output()
	var answer struct{ Zip, Error string }
	if broken := json.Unmarshal(out, &answer); broken != nil || err != nil {
		return nil, fmt.Errorf("download %s@%s: %w: %s", module, version, errors.Join(err, broken), answer.Error)
	}
	archive, err := zip.OpenReader(answer.Zip)
	if err != nil {
		return nil, fmt.Errorf("open %s@%s: %w", module, version, err)
	}
	defer archive.Close()
	files := map[string][]byte{}
	for _, p := range paths {
		if files[p], err = read(archive, path.Join(module+"@"+version, p)); err != nil {
			return nil, fmt.Errorf("read %s@%s: %w", module, version, err)
		}
	}
	return files, nil
}

func read(from fs.FS, name string) ([]byte, error) {
	file, err := from.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(file)
}

// write writes a schema that takes objects of the roots and nothing else, one
// definition a line, so that a diff between two releases can be read.
func write(to string, roots []root, definitions map[string]object) error {
	var b strings.Builder
	b.WriteString("{\n\"$schema\": \"http://json-schema.org/draft-07/schema#\",\n\"allOf\": [\n")
	names := []string{}
	for i, r := range roots {
		names = append(names, r.Kind)
		is := object{"properties": object{"kind": object{"const": r.Kind}}}
		version := object{"properties": object{"apiVersion": object{"const": r.APIVersion}}}
		then := object{"allOf": []any{version, object{"$ref": "#/definitions/" + r.Definition}}}
		fmt.Fprintf(&b, "%s%s\n", line(object{"if": is, "then": then}), comma(i, len(roots)))
	}
	fmt.Fprintf(&b, "],\n\"required\": [\"apiVersion\", \"kind\"],\n\"properties\": {\"kind\": {\"enum\": %s}},\n\"definitions\": {\n", line(names))
	order := sorted(definitions)
	for i, name := range order {
		fmt.Fprintf(&b, "%q: %s%s\n", name, line(definitions[name]), comma(i, len(order)))
	}
	b.WriteString("}\n}\n")
	return os.WriteFile(to, []byte(b.String()), 0o644)
}

func comma(i, n int) string {
	if i+1 < n {
		return ","
	}
	return ""
}

// line is a value as JSON, its keys sorted.
func line(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // it was read from JSON
	}
	return string(text)
}
