package config

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write docs/configuration.md anew")

// TestDocument checks that docs/configuration.md says what the tables say.
func TestDocument(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "configuration.md")
	want := document()
	if *rewrite {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the tables say (%v); go test ./internal/config -run TestDocument -rewrite", path, err)
	}
}

// TestTables checks what nobody would notice in a table until it is read.
func TestTables(t *testing.T) {
	checkTable(t, run)
	checkTable(t, preparation)
	checkTable(t, preStop)
}

func checkTable[T any](t *testing.T, table table[T]) {
	t.Helper()
	names, flags := map[string]bool{}, map[string]bool{}
	for _, s := range table.settings {
		if names[s.name] || flags[s.flag()] || s.about == "" || strings.HasSuffix(s.about, ".") || s.field.form == "" {
			t.Errorf("%s: a name or flag twice, or no description", s.name)
		}
		names[s.name], flags[s.flag()] = true, true
		if s.required != (s.def == "" && s.derived == "") {
			t.Errorf("%s: neither required nor documented how it is if not given", s.name)
		}
		var v T
		if _, ok := s.field.set(&v, s.def); s.def != "" && (!ok || s.field.show(&v) != s.def) {
			t.Errorf("%s: its default %q reads as %q, %t", s.name, s.def, s.field.show(&v), ok)
		}
	}
	for _, pair := range table.ignored {
		if names[pair[0]] || pair[1] == "" {
			t.Errorf("%s is ignored, and a setting or without a reason", pair[0])
		}
	}
}

const head = `<!-- Written by go test ./internal/config -run TestDocument -rewrite; edit internal/config instead. -->
# Configuration

Every setting is a flag and an environment variable. The flag beats the variable, the variable beats the default; a variable that is empty counts as unset. A value that cannot be used ends the program with exit code 2 and one line for every problem. Durations have a unit: ` + "`300ms`, `5s`, `2m`" + `. The Helm chart sets what it knows; see its values.

`

const related = `### What must fit together

* HTTP_PORT and the ports of both doors differ, unless the doors listen on different addresses. BOLT_PORT and REPLICATION_PORT differ.
* RENEW_DEADLINE is at most LEASE_DURATION less 1 s, and more than 1.2 times RETRY_PERIOD; LEASE_DURATION is in whole seconds.
* SEAT_WAIT is at most FAIL_AFTER.
* MEMGRAPH_PASSWORD needs MEMGRAPH_USER.

`

func document() []byte {
	var b bytes.Buffer
	b.WriteString(head)
	b.WriteString("## memgraph-controller run\n\n")
	describe(&b, run)
	b.WriteString(related)
	b.WriteString("### Variables of earlier deployments\n\n")
	for _, s := range run.settings {
		if s.alias != "" {
			fmt.Fprintf(&b, "`%s` is read as `%s` if that is not set. ", s.alias, s.name)
		}
	}
	b.WriteString("These have no effect; if one is set, the controller says so at its start:\n\n| variable | why |\n|---|---|\n")
	for _, pair := range run.ignored {
		fmt.Fprintf(&b, "| `%s` | %s |\n", pair[0], pair[1])
	}
	b.WriteString("\n## memgraph-controller prepare-node\n\nThe init container of the Memgraph pods. It moves the data of a node aside if the record asks for that.\n\n")
	describe(&b, preparation)
	b.WriteString("## memgraph-controller prestop\n\nThe preStop hook of the Memgraph container. It waits until another node is MAIN, which does not wait for the word of this one, and no reader is led here.\n\n")
	describe(&b, preStop)
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
}

func describe[T any](b *bytes.Buffer, table table[T]) {
	group := "none yet"
	for _, s := range table.settings {
		if s.group != group {
			if group = s.group; group != "" {
				fmt.Fprintf(b, "### %s\n\n", group)
			}
			b.WriteString("| variable | flag | default | accepted | meaning |\n|---|---|---|---|---|\n")
		}
		fmt.Fprintf(b, "| `%s` | `--%s` | %s | %s | %s |\n", s.name, s.flag(), byDefault(s), s.field.form, s.about)
		if next := nextGroup(table, s.name); next != group {
			b.WriteByte('\n')
		}
	}
}

// nextGroup returns the group of the setting after the one named, "the end" if
// there is none.
func nextGroup[T any](table table[T], name string) string {
	for i, s := range table.settings[1:] {
		if table.settings[i].name == name {
			return s.group
		}
	}
	return "the end"
}

func byDefault[T any](s setting[T]) string {
	switch {
	case s.required:
		return "required"
	case s.derived != "":
		return s.derived
	}
	return "`" + s.def + "`"
}
