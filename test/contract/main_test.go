//go:build linux

package main

import (
	"io"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	o, err := parse([]string{"--run", "^5", "--version", "3.6.2", "--keep", "-v"}, "", io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if !o.run.MatchString("5b") || o.run.MatchString("15") || o.version != "3.6.2" || !o.keep || !o.verbose || o.parallel != 8 {
		t.Errorf("options = %+v", o)
	}
	if o, err := parse(nil, "/usr/bin/memgraph", io.Discard); err != nil || o.parallel != 2 || o.memgraph == "" {
		t.Errorf("with MEMGRAPH: %+v, %v; want a real server, two cases at a time", o, err)
	}
	for want, args := range map[string][]string{
		"--run":               {"--run", "("},
		"unexpected argument": {"5"},
		"has the version":     {"--version", "3.6.2"},
	} {
		if _, err := parse(args, "/usr/bin/memgraph", io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parse %q: %v; want an error naming %s", args, err, want)
		}
	}
}
