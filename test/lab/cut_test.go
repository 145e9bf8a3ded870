package lab

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestRenderCuts(t *testing.T) {
	const clear = "table ip lab_cut\ndelete table ip lab_cut\n"
	if got := renderCuts(nil); got != clear {
		t.Errorf("no cuts are rendered as\n%s\nwant\n%s", got, clear)
	}
	rules := renderCuts([]cut{
		{Name: "node:n2 to client", From: []string{"10.244.2.0/24", "10.201.0.12"}, To: []string{clientIP}},
		{Name: "client to dns", From: []string{clientIP}, To: []string{dnsServerIP}},
	})
	if !strings.HasPrefix(rules, clear) {
		t.Errorf("the rules do not begin by removing those of before:\n%s", rules)
	}
	hooks := strings.Count(rules, "type filter hook ")
	for _, rule := range []string{
		"ip saddr { 10.201.0.12, 10.244.2.0/24 } ip daddr { 10.201.0.2 } drop\n",
		"ip saddr { 10.201.0.2 } ip daddr { 10.201.0.3 } drop\n",
	} {
		if n := strings.Count(rules, rule); n != hooks || hooks == 0 {
			t.Errorf("%d of %d chains have the rule %q:\n%s", n, hooks, rule, rules)
		}
	}
	if strings.Contains(rules, "ip saddr { 10.201.0.2 } ip daddr { 10.201.0.12") {
		t.Errorf("what was cut one way is cut the other way too:\n%s", rules)
	}
	// What leaves by the cable is dropped where it arrives, not where it is sent.
	for _, chain := range []string{"hook forward priority 5; policy accept;\n    oifname \"eth0\" accept\n", "hook output priority 5; policy accept;\n    oifname { \"eth0\", \"lo\" } accept\n"} {
		if !strings.Contains(rules, chain) {
			t.Errorf("the rules lack %q:\n%s", chain, rules)
		}
	}
	if opened, closed := strings.Count(rules, "{"), strings.Count(rules, "}"); opened != closed {
		t.Errorf("%d braces are opened and %d closed:\n%s", opened, closed, rules)
	}
}

func TestAddressesOf(t *testing.T) {
	l := &Lab{state: state{Nodes: 3}}
	for target, want := range map[string][]string{
		"controlplane": {"10.201.0.1"},
		"client":       {"10.201.0.2"},
		"dns":          {"10.201.0.3"},
		"node:n3":      {"10.201.0.13", "10.244.3.0/24"},
	} {
		if got, err := l.addressesOf(target); err != nil || !slices.Equal(got, want) {
			t.Errorf("target %s: %q, %v; want %q", target, got, err, want)
		}
	}
	for _, target := range []string{"", "n1", "node:", "node:n4", "node:controlplane", "pod:", "pod:web-0", "moon", "client:x/y/z:", "nodes:n1"} {
		if got, err := l.addressesOf(target); !errors.Is(err, ErrName) {
			t.Errorf("target %q: %q, %v; want an ErrName", target, got, err)
		}
	}
}
