package netpol

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// table is the nftables table, replaced as a whole in one transaction.
const table = "lab_netpol"

// direction is one side of a policy.
type direction struct {
	name     string // of the base chain, and suffix of the others
	self     string // which address of a packet is the guarded pod's
	peer     string // which is the other's
	priority int
}

var (
	ingress = direction{name: "ingress", self: "daddr", peer: "saddr", priority: 11}
	egress  = direction{name: "egress", self: "saddr", peer: "daddr", priority: 10}
)

// Render returns the nft program that guards the pods of node: a pure function
// of the objects, equal for equal objects in any order.
func Render(node string, pods []*corev1.Pod, namespaces []*corev1.Namespace, policies []*netv1.NetworkPolicy) string {
	w := newWorld(pods, namespaces)
	policies = slices.Clone(policies)
	slices.SortFunc(policies, func(a, b *netv1.NetworkPolicy) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	var b strings.Builder
	fmt.Fprintf(&b, "table ip %[1]s\ndelete table ip %[1]s\ntable ip %[1]s {\n", table)
	for _, d := range []direction{egress, ingress} {
		w.renderDirection(&b, d, node, policies)
	}
	b.WriteString("}\n")
	return b.String()
}

// renderDirection writes a chain a policy, a chain an isolated pod, and the
// base chain that sends each pod's packets to its own.
func (w *world) renderDirection(b *strings.Builder, d direction, node string, policies []*netv1.NetworkPolicy) {
	guards := map[string][]string{} // pod address to the chains that may let a packet pass
	for i, policy := range policies {
		if !covers(policy, d) {
			continue
		}
		chosen := w.chosenBy(policy, node)
		if len(chosen) == 0 {
			continue
		}
		chain := fmt.Sprintf("policy_%d_%s", i, d.name)
		fmt.Fprintf(b, "  chain %s {\n", chain)
		for _, rule := range w.rules(policy, d, chosen) {
			fmt.Fprintf(b, "    %s\n", strings.TrimSpace(rule+" accept"))
		}
		b.WriteString("  }\n")
		for _, pod := range chosen {
			guards[pod.Status.PodIP] = append(guards[pod.Status.PodIP], chain)
		}
	}
	var gates []string
	for _, pod := range w.pods {
		ip := pod.Status.PodIP
		chains := guards[ip]
		if len(chains) == 0 {
			continue
		}
		delete(guards, ip)
		gate := fmt.Sprintf("pod_%s_%s", strings.ReplaceAll(ip, ".", "_"), d.name)
		fmt.Fprintf(b, "  chain %s {\n", gate)
		for _, chain := range chains {
			fmt.Fprintf(b, "    jump %s\n", chain)
		}
		b.WriteString("    drop\n  }\n")
		gates = append(gates, ip+" : goto "+gate)
	}
	fmt.Fprintf(b, "  chain %s {\n    type filter hook forward priority %d; policy accept;\n    ct direction reply accept\n", d.name, d.priority)
	if len(gates) > 0 {
		fmt.Fprintf(b, "    ip %s vmap { %s }\n", d.self, strings.Join(gates, ", "))
	}
	b.WriteString("  }\n")
}

// world is what selectors choose from.
type world struct {
	pods       []*corev1.Pod // with an address of their own, by address
	namespaces map[string]labels.Set
}

func newWorld(pods []*corev1.Pod, namespaces []*corev1.Namespace) *world {
	w := &world{namespaces: map[string]labels.Set{}}
	for _, ns := range namespaces {
		w.namespaces[ns.Name] = ns.Labels
	}
	for _, pod := range pods {
		if addressed(pod) {
			w.pods = append(w.pods, pod)
		}
	}
	slices.SortFunc(w.pods, func(a, b *corev1.Pod) int {
		return cmp.Or(cmp.Compare(a.Status.PodIP, b.Status.PodIP), cmp.Compare(a.UID, b.UID))
	})
	return w
}

// addressed reports whether the pod has an IPv4 address that is its alone now.
func addressed(pod *corev1.Pod) bool {
	ip, err := netip.ParseAddr(pod.Status.PodIP)
	over := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	return err == nil && ip.Is4() && !pod.Spec.HostNetwork && !over
}

// covers reports whether the policy isolates its pods in this direction.
func covers(policy *netv1.NetworkPolicy, d direction) bool {
	types := policy.Spec.PolicyTypes
	if len(types) == 0 { // the API server sets them; these are its defaults
		return d == ingress || len(policy.Spec.Egress) > 0
	}
	want := netv1.PolicyTypeIngress
	if d == egress {
		want = netv1.PolicyTypeEgress
	}
	return slices.Contains(types, want)
}

func (w *world) chosenBy(policy *netv1.NetworkPolicy, node string) []*corev1.Pod {
	var chosen []*corev1.Pod
	for _, pod := range w.pods {
		if pod.Spec.NodeName == node && pod.Namespace == policy.Namespace && selects(&policy.Spec.PodSelector, pod.Labels) {
			chosen = append(chosen, pod)
		}
	}
	return chosen
}

// selects reports whether the selector chooses the labels; a selector that the
// API server would not have accepted chooses nothing.
func selects(selector *metav1.LabelSelector, set labels.Set) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && s.Matches(set)
}

// rules returns the matches of all packets that the policy lets pass.
func (w *world) rules(policy *netv1.NetworkPolicy, d direction, chosen []*corev1.Pod) []string {
	var out []string
	if d == ingress {
		for _, rule := range policy.Spec.Ingress {
			out = append(out, w.rule(policy.Namespace, d, rule.From, rule.Ports, chosen)...)
		}
		return out
	}
	for _, rule := range policy.Spec.Egress {
		out = append(out, w.rule(policy.Namespace, d, rule.To, rule.Ports, nil)...)
	}
	return out
}

// party is one kind of peer: a match for its addresses, and its pods if known.
type party struct {
	match string
	pods  []*corev1.Pod
}

// rule crosses peers with ports. Named ports belong to the receiving pods:
// chosen in ingress, the peer's own in egress.
func (w *world) rule(namespace string, d direction, peers []netv1.NetworkPolicyPeer, ports []netv1.NetworkPolicyPort, chosen []*corev1.Pod) []string {
	parties := []party{{pods: w.pods}}
	if len(peers) > 0 {
		parties = w.parties(namespace, d, peers)
	}
	var out []string
	for _, p := range parties {
		if len(ports) == 0 {
			out = append(out, p.match)
		}
		receivers := p.pods
		if d == ingress {
			receivers = chosen
		}
		for _, port := range ports {
			for _, match := range portMatches(port, receivers) {
				out = append(out, strings.TrimSpace(p.match+" "+match))
			}
		}
	}
	return out
}

func (w *world) parties(namespace string, d direction, peers []netv1.NetworkPolicyPeer) []party {
	var out []party
	for _, peer := range peers {
		if peer.IPBlock != nil {
			if match, ok := blockMatch(d, peer.IPBlock); ok {
				out = append(out, party{match: match})
			}
			continue
		}
		var p party
		var ips []string
		for _, pod := range w.pods {
			if w.isPeer(namespace, peer, pod) {
				p.pods = append(p.pods, pod)
				ips = append(ips, pod.Status.PodIP)
			}
		}
		if ips = slices.Compact(ips); len(ips) > 0 {
			p.match = fmt.Sprintf("ip %s { %s }", d.peer, strings.Join(ips, ", "))
			out = append(out, p)
		}
	}
	return out
}

func (w *world) isPeer(namespace string, peer netv1.NetworkPolicyPeer, pod *corev1.Pod) bool {
	if peer.NamespaceSelector == nil {
		if pod.Namespace != namespace {
			return false
		}
	} else if !selects(peer.NamespaceSelector, w.namespaces[pod.Namespace]) {
		return false
	}
	return peer.PodSelector == nil || selects(peer.PodSelector, pod.Labels)
}

// blockMatch returns false for what is not IPv4.
func blockMatch(d direction, block *netv1.IPBlock) (string, bool) {
	prefix, err := netip.ParsePrefix(block.CIDR)
	if err != nil || !prefix.Addr().Is4() {
		return "", false
	}
	match := fmt.Sprintf("ip %s %s", d.peer, prefix.Masked())
	if len(block.Except) > 0 {
		match += fmt.Sprintf(" ip %s != { %s }", d.peer, strings.Join(block.Except, ", "))
	}
	return match, true
}

// portMatches returns the matches for one port; a named one becomes one match
// for each number that the receivers give the name.
func portMatches(port netv1.NetworkPolicyPort, receivers []*corev1.Pod) []string {
	protocol := "tcp"
	if port.Protocol != nil {
		protocol = strings.ToLower(string(*port.Protocol))
	}
	switch {
	case port.Port == nil:
		return []string{"meta l4proto " + protocol}
	case port.Port.StrVal == "" && port.EndPort != nil:
		return []string{fmt.Sprintf("%s dport %d-%d", protocol, port.Port.IntVal, *port.EndPort)}
	case port.Port.StrVal == "":
		return []string{fmt.Sprintf("%s dport %d", protocol, port.Port.IntVal)}
	}
	byNumber := map[int32][]string{}
	var numbers []int32
	for _, pod := range receivers {
		if n := numberOf(pod, port.Port.StrVal, protocol); n != 0 {
			if byNumber[n] == nil {
				numbers = append(numbers, n)
			}
			byNumber[n] = append(byNumber[n], pod.Status.PodIP)
		}
	}
	slices.Sort(numbers)
	var out []string
	for _, n := range numbers {
		out = append(out, fmt.Sprintf("ip daddr { %s } %s dport %d", strings.Join(byNumber[n], ", "), protocol, n))
	}
	return out
}

func numberOf(pod *corev1.Pod, name, protocol string) int32 {
	for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		for _, port := range container.Ports {
			if port.Name == name && strings.EqualFold(cmp.Or(string(port.Protocol), "tcp"), protocol) {
				return port.ContainerPort
			}
		}
	}
	return 0
}
