package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// object is a piece of a schema.
type object = map[string]any

// root is a kind of whole objects, and where its schema is.
type root struct{ APIVersion, Kind, Definition string }

// kinds are those that the chart may use, by API version.
var kinds = map[string][]string{
	"v1":                           {"ConfigMap", "Pod", "Service", "ServiceAccount"},
	"apps/v1":                      {"Deployment", "StatefulSet"},
	"networking.k8s.io/v1":         {"NetworkPolicy"},
	"policy/v1":                    {"PodDisruptionBudget"},
	"rbac.authorization.k8s.io/v1": {"Role", "RoleBinding"},
}

// pick returns the kinds wanted, and all definitions that they refer to.
func pick(all map[string]object, wanted map[string][]string) ([]root, map[string]object, error) {
	roots, needed := []root{}, map[string]object{}
	for _, name := range sorted(all) {
		marks, _ := all[name]["x-kubernetes-group-version-kind"].([]any)
		for _, mark := range marks {
			version, kind := named(mark)
			if slices.Contains(wanted[version], kind) {
				roots = append(roots, root{version, kind, name})
				follow(all, name, needed)
			}
		}
	}
	want := 0
	for _, names := range wanted {
		want += len(names)
	}
	if len(roots) != want {
		return nil, nil, fmt.Errorf("has %d of the %d kinds wanted: %v", len(roots), want, roots)
	}
	return roots, needed, nil
}

// named reads what marks the definition of a kind.
func named(mark any) (apiVersion, kind string) {
	m, _ := mark.(object)
	group, _ := m["group"].(string)
	version, _ := m["version"].(string)
	kind, _ = m["kind"].(string)
	if group != "" {
		version = group + "/" + version
	}
	return version, kind
}

// follow adds a definition, and what it refers to, to needed.
func follow(all map[string]object, name string, needed map[string]object) {
	if _, done := needed[name]; done {
		return
	}
	needed[name] = odd(name, clean(all[name]))
	for _, ref := range refs(needed[name]) {
		follow(all, strings.TrimPrefix(ref, "#/definitions/"), needed)
	}
}

func refs(of any) []string {
	found := []string{}
	switch v := of.(type) {
	case object:
		if ref, ok := v["$ref"].(string); ok {
			found = append(found, ref)
		}
		for _, inner := range v {
			found = append(found, refs(inner)...)
		}
	case []any:
		for _, inner := range v {
			found = append(found, refs(inner)...)
		}
	}
	return found
}

// odd returns a definition as the API server means it, where OpenAPI 2 could not
// say that a number will do as well.
func odd(name string, schema object) object {
	switch name {
	case "io.k8s.apimachinery.pkg.util.intstr.IntOrString":
		return object{"type": []any{"integer", "string"}}
	case "io.k8s.apimachinery.pkg.api.resource.Quantity":
		return object{"type": []any{"number", "string"}, "pattern": `^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$`}
	}
	return schema
}

// kept are the words of a schema that check something.
var kept = []string{
	"$ref", "type", "required", "items", "properties", "additionalProperties", "anyOf", "oneOf", "allOf", "not", "enum", "pattern",
	"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties",
}

// clean returns a schema without descriptions, and closed: an object that lists
// its properties has no others, unless it says that it takes whatever comes.
func clean(schema object) object {
	result := bare(schema)
	_, listed := result["properties"]
	_, said := result["additionalProperties"]
	if listed && !said && schema["x-kubernetes-preserve-unknown-fields"] != true {
		result["additionalProperties"] = false
	}
	return result
}

// bare returns the words of a schema that check something. What is in anyOf and
// its like only adds to the schema around it, and stays open.
func bare(schema object) object {
	result := object{}
	for _, word := range kept {
		v, ok := schema[word]
		if !ok {
			continue
		}
		switch word {
		case "properties":
			v = each(v.(object))
		case "items", "additionalProperties":
			if s, ok := v.(object); ok {
				v = clean(s)
			}
		case "not":
			v = bare(v.(object))
		case "anyOf", "oneOf", "allOf":
			list := []any{}
			for _, s := range v.([]any) {
				list = append(list, bare(s.(object)))
			}
			v = list
		}
		result[word] = v
	}
	return result
}

func each(properties object) object {
	result := object{}
	for name, schema := range properties {
		result[name] = clean(schema.(object))
	}
	return result
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
