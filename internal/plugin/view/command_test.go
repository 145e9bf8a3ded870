package view_test

import (
	"testing"

	"memgraph-controller/internal/plugin/view"
)

func TestAdvisedCommandsNameThePlaceTheCallerNamed(t *testing.T) {
	for _, tt := range []struct {
		caller           view.Caller
		command, kubectl string
	}{
		{view.Caller{}, "kubectl memgraph rebuild 2", "kubectl -n graph describe pod mg-2"},
		{view.Caller{Namespace: "-n graph", Release: "--release mg"}, "kubectl memgraph rebuild 2 -n graph --release mg", "kubectl -n graph describe pod mg-2"},
		{view.Caller{Cluster: "--context prod"}, "kubectl memgraph rebuild 2 --context prod", "kubectl --context prod -n graph describe pod mg-2"},
	} {
		r := view.Release{Namespace: "graph", Caller: tt.caller}
		if got := r.Command("rebuild 2"); got != tt.command {
			t.Errorf("of %+v: %s; want %s", tt.caller, got, tt.command)
		}
		if got := r.Kubectl("describe pod mg-2"); got != tt.kubectl {
			t.Errorf("of %+v: %s; want %s", tt.caller, got, tt.kubectl)
		}
	}
}

func TestFlagsAreQuotedForAShell(t *testing.T) {
	for value, want := range map[string]string{
		"prod": "--context prod",
		"arn:aws:eks:eu-west-1:123456789012:cluster/graph": "--context arn:aws:eks:eu-west-1:123456789012:cluster/graph",
		"":            "--context ''",
		"a b":         "--context 'a b'",
		"$(rm -rf /)": "--context '$(rm -rf /)'",
		"=x":          "--context '=x'",
		"it's":        `--context 'it'\''s'`,
		"~/kube;ls":   "--context '~/kube;ls'",
	} {
		if got := view.Flag("--context", value); got != want {
			t.Errorf("%q: %s; want %s", value, got, want)
		}
	}
}
