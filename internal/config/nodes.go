package config

import (
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"memgraph-controller/internal/cluster"
)

// Preparation is the settings of prepare-node.
type Preparation struct {
	DataDirectory, StateDirectory string
	PodName, PodUID               string // PodName ends with the node's number
	InstallDirectory              string // "": no copy
	TerminationLog                string // "": no message
	Keep                          int    // at least 1
	KeepBytes                     int64  // 0: no bound
}

// Node returns the node that the pod is.
func (p Preparation) Node() cluster.Ordinal { return ordinal(p.PodName) }

// BindPreparation adds the flags of prepare-node to a flag set. Parse it, then
// call Complete.
func BindPreparation(flags *pflag.FlagSet) *Flags[Preparation] { return bind(preparation, flags) }

// PreStop is the settings of prestop.
type PreStop struct {
	PodName   string // ends with the node's number
	StatusURL string // scheme and host of the controller
	Timeout   time.Duration
}

// Node returns the node that the pod is.
func (p PreStop) Node() cluster.Ordinal { return ordinal(p.PodName) }

// BindPreStop adds the flags of prestop to a flag set. Parse it, then call
// Complete.
func BindPreStop(flags *pflag.FlagSet) *Flags[PreStop] { return bind(preStop, flags) }

var preparation = table[Preparation]{settings: []setting[Preparation]{
	{name: "POD_NAME", required: true, about: "Name of this pod; the number at its end is the node's", field: at(pods(), func(p *Preparation) *string { return &p.PodName })},
	{name: "POD_UID", required: true, about: "UID of this pod", field: at(texts[string]("uid", "the pod's metadata.uid"), func(p *Preparation) *string { return &p.PodUID })},
	{name: "DATA_DIRECTORY", def: "/var/lib/memgraph/mg_data", about: "Data directory of Memgraph", field: at(paths(), func(p *Preparation) *string { return &p.DataDirectory })},
	{name: "STATE_DIRECTORY", def: "/state", about: "Where the ConfigMap with the record is mounted, if there is one", field: at(paths(), func(p *Preparation) *string { return &p.StateDirectory })},
	{name: "INSTALL_DIRECTORY", def: "/controller", about: "Where this program copies itself for the preStop hook; the flag with an empty value: nowhere", field: at(optionalPaths(), func(p *Preparation) *string { return &p.InstallDirectory })},
	{name: "TERMINATION_LOG", def: "/dev/termination-log", about: "File that tells the controller on which boot of its machine the node runs; the flag with an empty value: none", field: at(optionalPaths(), func(p *Preparation) *string { return &p.TerminationLog })},
	{name: "KEEP", def: "3", about: "How many data directories that were moved aside are kept", field: at(integers(1, 100), func(p *Preparation) *int { return &p.Keep })},
	{name: "KEEP_BYTES", def: "0", about: "How many bytes they may have together: the oldest go, the newest stays in any case; 0 is no bound", field: at(integers[int64](0, 0), func(p *Preparation) *int64 { return &p.KeepBytes })},
}}

var preStop = table[PreStop]{settings: []setting[PreStop]{
	{name: "POD_NAME", required: true, about: "Name of this pod; the number at its end is the node's", field: at(pods(), func(p *PreStop) *string { return &p.PodName })},
	{name: "STATUS_URL", required: true, about: "Where a controller answers", field: at(bases(), func(p *PreStop) *string { return &p.StatusURL })},
	{name: "PRESTOP_TIMEOUT", flagName: "timeout", def: "10s", about: "How long to wait for another MAIN before the node is stopped nevertheless", field: at(durations(0), func(p *PreStop) *time.Duration { return &p.Timeout })},
}}

// ordinal returns the number at the end of the name of a StatefulSet's pod, NoNode
// if there is none.
func ordinal(pod string) cluster.Ordinal {
	digits := pod[strings.LastIndexByte(pod, '-')+1:]
	n, err := strconv.Atoi(digits)
	if err != nil || digits == pod || strconv.Itoa(n) != digits {
		return cluster.NoNode
	}
	return cluster.Ordinal(n)
}

// pods are names of pods of a StatefulSet.
func pods() kind[string] {
	return checked("name", "the name of a StatefulSet's pod, like memgraph-0", func(text string) []string {
		if ordinal(text) < 0 {
			return []string{"no ordinal"}
		}
		return validation.IsDNS1123Subdomain(text)
	})
}

func paths() kind[string] {
	return checked("path", "an absolute path, like /var/lib/memgraph", func(text string) []string {
		if !filepath.IsAbs(text) {
			return []string{"relative"}
		}
		return nil
	})
}

func optionalPaths() kind[string] {
	k := paths()
	must := k.parse
	k.parse = func(text string) (string, hint, bool) {
		if text == "" {
			return "", "", true
		}
		return must(text)
	}
	return k
}

// bases are URLs of a server.
func bases() kind[string] {
	return checked("url", "a URL of a server, like http://memgraph-controller:8080", func(text string) []string {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return []string{"no server"}
		}
		return nil
	})
}
