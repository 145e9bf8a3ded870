package main

import (
	"strings"
	"testing"
)

// Nothing is broken before all that was asked for is understood.
func TestCommandRefuses(t *testing.T) {
	for line, says := range map[string]string{
		"kil":                            `no fault "kil"`,
		"--loads writes kill":            `no load "writes"`,
		"--loads failover drain":         "nothing to run",
		"--runs 0 kill":                  "--runs 0: want 1 or more",
		"--hours -1 kill":                "--hours -1: want a number of hours",
		"--hours 1 --loads nothing kill": `no load "nothing"`,
	} {
		cmd := command()
		cmd.SetArgs(strings.Fields(line))
		if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("faults %s: %v; want %s", line, err, says)
		}
	}
}
