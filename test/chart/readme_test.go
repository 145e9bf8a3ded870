//go:build chart

package chart

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// mark ends what people write in the chart's README.md.
const mark = `<!-- The rest is written by "make chart-rewrite" from values.yaml; edit that instead. -->` + "\n"

// TestReadme checks that the reference in README.md says what values.yaml says, so
// that a value cannot be added, or its default changed, without a word for users.
func TestReadme(t *testing.T) {
	path := filepath.Join(chartDir, "README.md")
	text := read(t, path)
	written, _, ok := strings.Cut(text, mark)
	if !ok {
		t.Fatalf("%s has no line %s", path, mark)
	}
	want := written + mark + reference(t)
	if *rewrite {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if text != want {
		t.Errorf("%s is not what values.yaml says: make chart-rewrite", path)
	}
}

// TestReadmeNames checks that the objects which README.md names are installed.
func TestReadmeNames(t *testing.T) {
	installed := map[string]bool{}
	for _, o := range render(t, "everything-on").objects {
		installed[o.GetName()] = true
	}
	named := regexp.MustCompile("`(mg-[a-z-]+)`").FindAllStringSubmatch(read(t, filepath.Join(chartDir, "README.md")), -1)
	if len(named) < len(installed) {
		t.Errorf("README.md names %d objects, %d names are installed: %v", len(named), len(installed), installed)
	}
	for _, name := range named {
		if !installed[name[1]] {
			t.Errorf("README.md names %s, which is not installed", name[1])
		}
	}
}

// reference returns the tables of all values, one for each top-level key that
// holds more.
func reference(t *testing.T) string {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join(chartDir, "values.yaml"))), &document); err != nil {
		t.Fatal(err)
	}
	var plain, rest bytes.Buffer
	eachValue(document.Content[0], func(key, value *yaml.Node) {
		if !commentedWithin(value) {
			row(t, &plain, key.Value, key, value)
			return
		}
		fmt.Fprintf(&rest, "\n### %s\n\n", key.Value)
		if about := comment(key, value); about != "" {
			fmt.Fprintf(&rest, "%s\n\n", about)
		}
		rest.WriteString(tableHead)
		rows(t, &rest, key.Value, value)
	})
	return "\n" + tableHead + plain.String() + rest.String()
}

const tableHead = "| value | default | meaning |\n|---|---|---|\n"

// rows writes the values below a path. A mapping whose parts have no comments is
// one value.
func rows(t *testing.T, b *bytes.Buffer, path string, mapping *yaml.Node) {
	t.Helper()
	eachValue(mapping, func(key, value *yaml.Node) {
		at := path + "." + key.Value
		if !commentedWithin(value) {
			row(t, b, at, key, value)
			return
		}
		if about := comment(key, value); about != "" {
			fmt.Fprintf(b, "| `%s` | | %s |\n", at, about)
		}
		rows(t, b, at, value)
	})
}

func row(t *testing.T, b *bytes.Buffer, path string, key, value *yaml.Node) {
	t.Helper()
	about := comment(key, value)
	if about == "" {
		t.Errorf("values.yaml says nothing about %s: write a comment above it", path)
	}
	var v any
	if err := value.Decode(&v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	fmt.Fprintf(b, "| `%s` | `%s` | %s |\n", path, text, about)
}

// eachValue calls do for each pair of a mapping, in the file's order.
func eachValue(mapping *yaml.Node, do func(key, value *yaml.Node)) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		do(mapping.Content[i], mapping.Content[i+1])
	}
}

// comment returns what is written above a value, or behind it, on one line that a
// table can hold.
func comment(key, value *yaml.Node) string {
	text := key.HeadComment
	if text == "" {
		text = value.LineComment
	}
	var words []string
	for line := range strings.Lines(text) {
		words = append(words, strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "#")))
	}
	return strings.NewReplacer("|", `\|`, "<", `\<`).Replace(strings.Join(words, " "))
}

// commentedWithin reports whether a part of a mapping has a comment of its own.
func commentedWithin(value *yaml.Node) bool {
	found := false
	if value.Kind == yaml.MappingNode {
		eachValue(value, func(k, v *yaml.Node) { found = found || comment(k, v) != "" || commentedWithin(v) })
	}
	return found
}
