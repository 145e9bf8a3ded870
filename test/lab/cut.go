package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
)

// A cut drops the packets from some addresses to others.
type cut struct {
	Name string // for people: what was asked for
	From []string
	To   []string
}

// cutTable is the nftables table of the cuts in every machine.
const cutTable = "lab_cut"

// Cut drops all packets from one target to another, and with oneWay false those
// the other way too. Open connections fall silent; no error is sent. Targets:
//
//	pod:NAMESPACE/NAME   one pod, by the address it has now
//	node:NAME            a node and every pod on it
//	controlplane         the API server (and etcd, which nobody else uses)
//	client               the clients outside of pods: Dial and Command
//	dns                  the cluster's DNS server
//
// Cuts add up until Heal. They act within some 20 ms and need no API server.
func (l *Lab) Cut(ctx context.Context, from, to string, oneWay bool) error {
	a, err := l.addressesOf(from)
	if err != nil {
		return err
	}
	b, err := l.addressesOf(to)
	if err != nil {
		return err
	}
	if from == to {
		return noName("cut %s from itself: name two targets", from)
	}
	unlock, err := lock()
	if err != nil {
		return err
	}
	defer unlock()
	cuts, err := readCuts()
	if err != nil {
		return err
	}
	cuts = append(cuts, cut{Name: from + " to " + to, From: a, To: b})
	if !oneWay {
		cuts = append(cuts, cut{Name: to + " to " + from, From: b, To: a})
	}
	if err := writeJSON(cutsPath, cuts); err != nil {
		return err
	}
	return applyCuts(ctx, hosts(l.state.Nodes))
}

// Heal ends all cuts. Without any it does nothing.
func (l *Lab) Heal(ctx context.Context) error {
	unlock, err := lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := os.Remove(cutsPath); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("heal: %w", err)
	}
	return applyCuts(ctx, hosts(l.state.Nodes))
}

// addressesOf returns what packets of a target carry.
func (l *Lab) addressesOf(target string) ([]string, error) {
	switch target {
	case controlPlane:
		return []string{controlIP}, nil
	case client:
		return []string{clientIP}, nil
	case clusterDNS:
		return []string{dnsServerIP}, nil
	}
	kind, name, _ := strings.Cut(target, ":")
	switch kind {
	case "node":
		h, err := l.node(name)
		if err != nil {
			return nil, err
		}
		return []string{h.ip(), h.podSubnet()}, nil
	case "pod":
		namespace, podName, ok := strings.Cut(name, "/")
		if !ok {
			return nil, noName("target %q: a pod is named pod:NAMESPACE/NAME", target)
		}
		p, err := l.state.findPod(namespace, podName)
		if err != nil {
			return nil, err
		}
		address, err := p.address()
		if err != nil {
			return nil, fmt.Errorf("target %s: %w", target, err)
		}
		return []string{address}, nil
	}
	return nil, noName("no target %q: name pod:NAMESPACE/NAME, node:NAME, %s, %s or %s", target, controlPlane, client, clusterDNS)
}

func readCuts() ([]cut, error) {
	b, err := os.ReadFile(cutsPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read cuts: %w", err)
	}
	var cuts []cut
	if err := json.Unmarshal(b, &cuts); err != nil {
		return nil, fmt.Errorf("read cuts %s: %w", cutsPath, err)
	}
	return cuts, nil
}

// applyCuts makes the machines' rules what the cuts say, all at the same time;
// machines that are off get theirs when they are switched on.
func applyCuts(ctx context.Context, all []host) error {
	cuts, err := readCuts()
	if err != nil {
		return err
	}
	rules := renderCuts(cuts)
	errs := make([]error, len(all))
	var group sync.WaitGroup
	for i, h := range all {
		if exists(h.namespacePath()) {
			group.Go(func() { errs[i] = h.nft(ctx, rules) })
		}
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cut the network: %w", err)
	}
	return nil
}

// cutChains are where a machine judges packets. What comes by the cable is
// dropped where it arrives, as if the network had lost it: who sent it sees no
// error, and the connection stays with the pod that kube-proxy chose for it.
// What never leaves a machine (between its pods, with the machine itself) is
// judged on its way, once the address of a Service has become that of a pod.
var cutChains = []struct{ name, hook, except string }{
	{"cut_arriving", "prerouting priority -300", ""},
	{"cut_forward", "forward priority 5", `oifname "eth0" accept`},
	{"cut_input", "input priority 5", ""},
	{"cut_output", "output priority 5", `oifname { "eth0", "lo" } accept`},
}

// renderCuts is the nft program for all cuts, the same in every machine.
func renderCuts(cuts []cut) string {
	var b strings.Builder
	fmt.Fprintf(&b, "table ip %[1]s\ndelete table ip %[1]s\n", cutTable)
	if len(cuts) == 0 {
		return b.String()
	}
	fmt.Fprintf(&b, "table ip %s {\n", cutTable)
	for _, chain := range cutChains {
		fmt.Fprintf(&b, "  chain %s {\n    type filter hook %s; policy accept;\n", chain.name, chain.hook)
		if chain.except != "" {
			fmt.Fprintf(&b, "    %s\n", chain.except)
		}
		for _, c := range cuts {
			fmt.Fprintf(&b, "    ip saddr { %s } ip daddr { %s } drop\n", list(c.From), list(c.To))
		}
		b.WriteString("  }\n")
	}
	b.WriteString("}\n")
	return b.String()
}

func list(addresses []string) string {
	return strings.Join(slices.Sorted(slices.Values(addresses)), ", ")
}

// nft gives a program to the kernel for the machine's network namespace.
func (h host) nft(ctx context.Context, rules string) error {
	return h.within(func() error {
		// Started by this thread, it belongs to this thread's namespace.
		command := exec.CommandContext(ctx, "nft", "-f", "-")
		command.Stdin = strings.NewReader(rules)
		out, err := command.CombinedOutput()
		if err != nil {
			return fmt.Errorf("nft in %s: %w: %s", h, err, tail(string(out), 500))
		}
		return nil
	})
}
