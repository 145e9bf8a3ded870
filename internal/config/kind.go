package config

import (
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"memgraph-controller/internal/cluster"
)

// kind is one sort of value: how it is read and written.
type kind[V any] struct {
	word  string // in the help of a flag
	form  string // what is accepted, after "want"
	parse func(text string) (V, hint, bool)
	show  func(V) string
}

// hint says how a refused value could be meant; "" if there is no telling.
type hint string

func durations(low time.Duration) kind[time.Duration] {
	form := fmt.Sprintf("a duration with its unit, at least %s, like 300ms, 5s or 2m", low)
	if low == 0 {
		form = "a duration with its unit, like 300ms, 5s or 2m; 0s is none"
	}
	return kind[time.Duration]{
		word: "duration", form: form, show: short,
		parse: func(text string) (time.Duration, hint, bool) {
			if _, err := strconv.ParseFloat(text, 64); err == nil {
				return 0, hint(fmt.Sprintf("%s without a unit; write %ss if it is seconds", text, text)), false
			}
			d, err := time.ParseDuration(text)
			return d, "", err == nil && d >= low
		},
	}
}

// short writes 2m0s as people do.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func integers[V ~int | ~int64](low, high V) kind[V] {
	form := fmt.Sprintf("a number from %d to %d", low, high)
	if high == 0 {
		form = fmt.Sprintf("a number of %d or more", low)
	}
	return kind[V]{
		word: "number", form: form, show: func(v V) string { return strconv.FormatInt(int64(v), 10) },
		parse: func(text string) (V, hint, bool) {
			n, err := strconv.ParseInt(text, 10, 64)
			v := V(n)
			return v, "", err == nil && int64(v) == n && v >= low && (high == 0 || v <= high)
		},
	}
}

func ports() kind[int] {
	k := integers(1, 65535)
	k.word, k.form = "port", "a port from 1 to 65535"
	return k
}

func booleans() kind[bool] {
	return kind[bool]{
		word: "bool", form: "true or false", show: strconv.FormatBool,
		parse: func(text string) (bool, hint, bool) {
			v, err := strconv.ParseBool(text)
			return v, "", err == nil
		},
	}
}

// texts accept everything.
func texts[V ~string](word, form string) kind[V] {
	return kind[V]{
		word: word, form: form, show: func(v V) string { return string(v) },
		parse: func(text string) (V, hint, bool) { return V(text), "", true },
	}
}

// checked are texts that check finds nothing wrong with.
func checked(word, form string, check func(string) []string) kind[string] {
	k := texts[string](word, form)
	k.parse = func(text string) (string, hint, bool) { return text, "", len(check(text)) == 0 }
	return k
}

func labels() kind[string] {
	return checked("name", "a DNS-1123 label: lower-case letters, digits and hyphens, at most 63", validation.IsDNS1123Label)
}

func subdomains() kind[string] {
	return checked("name", "a DNS-1123 name: lower-case letters, digits, hyphens and dots, at most 253", validation.IsDNS1123Subdomain)
}

// hostPorts are where somebody else connects to.
func hostPorts() kind[string] {
	return checked("address", "a host name or an IP address, and a port, like graph.example.com:7687", func(text string) []string {
		host, port, err := net.SplitHostPort(text)
		if err != nil || net.ParseIP(host) == nil && len(validation.IsDNS1123Subdomain(host)) > 0 {
			return []string{"no address"}
		}
		if _, _, ok := ports().parse(port); !ok {
			return []string{"no port"}
		}
		return nil
	})
}

// addresses are where a door listens: a literal address, since a name would be
// resolved to who knows what.
func addresses() kind[string] {
	return checked("address", "an IP address and a port, like 0.0.0.0:7687, [::]:7687 or :7687", func(text string) []string {
		host, port, err := net.SplitHostPort(text)
		if err != nil || host != "" && net.ParseIP(host) == nil {
			return []string{"no address"}
		}
		if _, _, ok := ports().parse(port); !ok {
			return []string{"no port"}
		}
		return nil
	})
}

// choices are a few words.
func choices(words ...string) kind[string] {
	form := strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
	return checked("word", form, func(text string) []string {
		if !slices.Contains(words, text) {
			return words
		}
		return nil
	})
}

func durabilities() kind[cluster.Durability] {
	return kind[cluster.Durability]{
		word: "word", form: "available or strict", show: cluster.Durability.String,
		parse: func(text string) (cluster.Durability, hint, bool) {
			d, err := cluster.ParseDurability(text)
			return d, "", err == nil
		},
	}
}

// levels are accepted in any case, as earlier deployments write INFO.
func levels() kind[slog.Level] {
	words := choices("debug", "info", "warn", "error")
	return kind[slog.Level]{
		word: "word", form: words.form, show: func(l slog.Level) string { return strings.ToLower(l.String()) },
		parse: func(text string) (slog.Level, hint, bool) {
			word, _, ok := words.parse(strings.ToLower(text))
			var l slog.Level
			return l, "", ok && l.UnmarshalText([]byte(word)) == nil
		},
	}
}
