package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// described are the types that answers are made of, by their names in openapi.yaml.
func described() map[string]reflect.Type {
	found := map[string]reflect.Type{}
	for _, v := range []any{Status{}, Leadership{}, History{}, Explanation{}, Opinion{}, Health{}} {
		gather(reflect.TypeOf(v), found)
	}
	return found
}

func gather(t reflect.Type, found map[string]reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		gather(t.Elem(), found)
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() || found[t.Name()] != nil {
			return
		}
		found[t.Name()] = t
		for _, f := range reflect.VisibleFields(t) {
			if !f.Anonymous {
				gather(f.Type, found)
			}
		}
	}
}

type document struct {
	Paths map[string]struct {
		Get struct {
			Responses map[string]struct {
				Content map[string]struct{ Schema schema }
			}
		}
	}
	Components struct{ Schemas map[string]schema }
}

type schema struct {
	Type        any
	Format      string
	Ref         string `json:"$ref"`
	Items       *schema
	OneOf       []schema
	Required    []string
	Properties  map[string]schema
	Description string
}

func read(t *testing.T) document {
	t.Helper()
	raw, err := openAPIDocument()
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDocumentHasEveryPath compares both ways.
func TestDocumentHasEveryPath(t *testing.T) {
	none := http.NotFoundHandler()
	var served []string
	for _, r := range New(Options{Metrics: none, Page: none}).routes() {
		served = append(served, r.path)
	}
	d := read(t)
	for _, p := range served {
		if _, ok := d.Paths[p]; !ok {
			t.Errorf("%s is answered and not described", p)
		}
	}
	for p, is := range d.Paths {
		if !slices.Contains(served, p) {
			t.Errorf("%s is described and not answered", p)
		}
		if _, ok := is.Get.Responses["200"]; !ok {
			t.Errorf("%s does not describe its answer", p)
		}
	}
}

// TestDocumentHasEveryField compares names, types and what is always there, both
// ways, for all types.
func TestDocumentHasEveryField(t *testing.T) {
	d, types := read(t), described()
	for name := range d.Components.Schemas {
		if types[name] == nil {
			t.Errorf("%s is described and no answer has it", name)
		}
	}
	for name, typ := range types {
		s, ok := d.Components.Schemas[name]
		if !ok {
			t.Errorf("%s is not described", name)
			continue
		}
		if s.Description == "" {
			t.Errorf("%s has no description", name)
		}
		compare(t, name, typ, s)
	}
}

func compare(t *testing.T, name string, typ reflect.Type, s schema) {
	t.Helper()
	seen := map[string]bool{}
	for _, f := range reflect.VisibleFields(typ) {
		if f.Anonymous {
			continue
		}
		tag, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		seen[tag] = true
		p, ok := s.Properties[tag]
		if !ok {
			t.Errorf("%s.%s is answered and not described", name, tag)
			continue
		}
		optional := strings.Contains(rest, "omit")
		if want := of(f.Type, optional); !reflect.DeepEqual(bare(p), want) {
			t.Errorf("%s.%s is described as %+v; want %+v", name, tag, bare(p), want)
		}
		if slices.Contains(s.Required, tag) == optional {
			t.Errorf("%s.%s: required %v, but it may be left out: %v", name, tag, !optional, optional)
		}
	}
	for p := range s.Properties {
		if !seen[p] {
			t.Errorf("%s.%s is described and not answered", name, p)
		}
	}
}

// bare is s without words.
func bare(s schema) schema {
	s.Description = ""
	return s
}

// of is the schema of a type.
func of(t reflect.Type, optional bool) schema {
	switch t.Kind() {
	case reflect.String:
		return schema{Type: "string"}
	case reflect.Bool:
		return schema{Type: "boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return schema{Type: "integer"}
	case reflect.Float64:
		return schema{Type: "number"}
	case reflect.Slice:
		items := of(t.Elem(), false)
		return schema{Type: "array", Items: &items}
	case reflect.Pointer:
		s := of(t.Elem(), false)
		switch {
		case optional: // left out rather than null
		case s.Ref != "":
			s = schema{OneOf: []schema{s, {Type: "null"}}}
		default:
			s.Type = []any{s.Type, "null"}
		}
		return s
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return schema{Type: "string", Format: "date-time"}
		}
		return schema{Ref: "#/components/schemas/" + t.Name()}
	}
	return schema{}
}
