package view

import "strings"

// Caller is how the caller said where the release is. Commands that a text advises
// name it again, so that whoever copies one does not act on another cluster. The zero
// value said nothing: kubectl's current context and the only release there.
type Caller struct {
	Cluster   string // flags for the API server, as a shell takes them: "--context prod"
	Namespace string // "-n graph"; kubectl is told the namespace in any case
	Release   string // "--release mg", of this program alone
}

// Command returns a command of this program on the release: "explain 2".
func (r Release) Command(words string) string {
	return spaced("kubectl memgraph", words, r.Caller.Cluster, r.Caller.Namespace, r.Caller.Release)
}

// Kubectl returns a command of kubectl in the release's namespace: "describe pod mg-0".
func (r Release) Kubectl(words string) string {
	return r.Caller.Kubectl("-n " + r.Namespace + " " + words)
}

// Kubectl returns a command of kubectl to the same API server: "get deployments -A".
func (c Caller) Kubectl(words string) string { return spaced("kubectl", c.Cluster, words) }

// Flag returns a flag with its value as a shell takes it.
func Flag(name, value string) string {
	if value == "" || strings.Trim(value, harmless) != "" { // what is left has one that is not
		value = "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
	}
	return name + " " + value
}

// harmless is what a shell takes for nothing but itself.
const harmless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+,"

// spaced joins the words that are there.
func spaced(words ...string) string {
	var there []string
	for _, w := range words {
		if w != "" {
			there = append(there, w)
		}
	}
	return strings.Join(there, " ")
}
