package cluster

import "testing"

func TestOrdinalOf(t *testing.T) {
	for pod, want := range map[string]Ordinal{"memgraph-0": 0, "a-b-12": 12} {
		if got, err := OrdinalOf(pod); err != nil || got != want {
			t.Errorf("OrdinalOf(%q) = %v, %v; want %v", pod, got, err, want)
		}
	}
	for _, pod := range []string{"", "0", "memgraph", "memgraph-", "memgraph-x", "memgraph-+1", "memgraph--1x"} {
		if got, err := OrdinalOf(pod); err == nil {
			t.Errorf("OrdinalOf(%q) = %v; want an error", pod, got)
		}
	}
}
