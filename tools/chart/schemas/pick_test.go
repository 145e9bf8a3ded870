package main

import (
	"encoding/json"
	"testing"
)

// What is written must be closed, complete, and mean what the API server means.
func TestPick(t *testing.T) {
	all := map[string]object{}
	if err := json.Unmarshal([]byte(`{
		"io.k8s.api.core.v1.Service": {
			"type": "object", "description": "words", "required": ["spec"],
			"properties": {
				"spec": {"$ref": "#/definitions/Spec", "description": "words", "default": {}},
				"labels": {"type": "object", "additionalProperties": {"type": "string", "default": ""}}
			},
			"x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "Service"}]
		},
		"Spec": {"type": "object", "properties": {"ports": {"type": "array", "items": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.util.intstr.IntOrString"}}}},
		"io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": "string", "format": "int-or-string"},
		"Unused": {"type": "object"}
	}`), &all); err != nil {
		t.Fatal(err)
	}
	roots, needed, err := pick(all, map[string][]string{"v1": {"Service"}})
	if err != nil || len(roots) != 1 || roots[0] != (root{"v1", "Service", "io.k8s.api.core.v1.Service"}) {
		t.Fatalf("roots %v, %v", roots, err)
	}
	const want = `{"Spec":{"additionalProperties":false,"properties":{"ports":{"items":{"$ref":"#/definitions/io.k8s.apimachinery.pkg.util.intstr.IntOrString"},"type":"array"}},"type":"object"},` +
		`"io.k8s.api.core.v1.Service":{"additionalProperties":false,"properties":{"labels":{"additionalProperties":{"type":"string"},"type":"object"},"spec":{"$ref":"#/definitions/Spec"}},"required":["spec"],"type":"object"},` +
		`"io.k8s.apimachinery.pkg.util.intstr.IntOrString":{"type":["integer","string"]}}`
	if got := line(needed); got != want {
		t.Errorf("definitions\n%s\nwant\n%s", got, want)
	}
	if _, _, err := pick(all, map[string][]string{"v1": {"Service", "Pod"}}); err == nil {
		t.Error("a kind that is not there is not missed")
	}
}

func TestOfCRD(t *testing.T) {
	name, kind, schema, err := ofCRD([]byte(`
metadata: {name: things.example.org}
spec:
  names: {kind: Thing, plural: things}
  versions:
    - name: v1alpha1
      schema: {openAPIV3Schema: {type: object}}
    - name: v1
      schema:
        openAPIV3Schema:
          type: object
          properties:
            metadata: {type: object}
            any: {type: object, properties: {a: {type: string}}, x-kubernetes-preserve-unknown-fields: true}
            size: {anyOf: [{type: integer}, {type: string}], x-kubernetes-int-or-string: true, pattern: ^a$}
            one: {type: object, properties: {a: {type: string}}, oneOf: [{required: [a]}, {properties: {a: {enum: [b]}}}]}
`))
	const want = `{"additionalProperties":false,"properties":{"any":{"properties":{"a":{"type":"string"}},"type":"object"},"metadata":{"type":"object"},` +
		`"one":{"additionalProperties":false,"oneOf":[{"required":["a"]},{"properties":{"a":{"enum":["b"]}}}],"properties":{"a":{"type":"string"}},"type":"object"},` +
		`"size":{"anyOf":[{"type":"integer"},{"type":"string"}],"pattern":"^a$"}},"type":"object"}`
	if err != nil || name != "things.example.org" || kind != "Thing" || line(schema) != want {
		t.Errorf("%s %s, %v:\n%s\nwant\n%s", name, kind, err, line(schema), want)
	}
	if _, _, _, err := ofCRD([]byte("spec: {versions: [{name: v2}]}")); err == nil {
		t.Error("a CRD without v1 is taken")
	}
}
