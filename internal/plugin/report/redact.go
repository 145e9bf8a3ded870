package report

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Redacted stands for what was taken out.
const Redacted = "REDACTED"

// kept are environment variables whose values are no secrets: those that the chart
// sets.
var kept = []string{
	"NAMESPACE", "POD_NAME", "POD_UID", "STATEFULSET_NAME", "SERVICE_NAME", "APP_NAME", "MEMGRAPH_REPLICAS", "BOLT_PORT", "REPLICATION_PORT",
	"GATEWAY_BIND_ADDRESS", "ENABLE_READ_GATEWAY", "READ_GATEWAY_BIND_ADDRESS", "READ_GATEWAY_FALLBACK", "GATEWAY_ADVERTISED_ADDRESS",
	"READ_GATEWAY_ADVERTISED_ADDRESS", "GATEWAY_HOLD_TIMEOUT", "GATEWAY_MAX_CONNECTIONS", "GATEWAY_MAX_CONNECTIONS_PER_ADDRESS",
	"GATEWAY_RATE_LIMIT_ENABLED", "GATEWAY_RATE_LIMIT_RPS", "GATEWAY_RATE_LIMIT_BURST", "GATEWAY_IDLE_TIMEOUT", "GATEWAY_DRAIN_TIMEOUT",
	"GATEWAY_TLS_ENABLED", "GATEWAY_TLS_CERT_PATH", "GATEWAY_TLS_KEY_PATH", "GATEWAY_TLS_CLIENT_CA_PATH", "HTTP_PORT", "RECONCILE_INTERVAL",
	"STATE_CONFIGMAP", "LEASE_NAME", "LEASE_DURATION", "RENEW_DEADLINE", "RETRY_PERIOD", "FAIL_AFTER", "STANDBY_GRACE", "SEAT_WAIT",
	"BOOTSTRAP_TIMEOUT", "MAX_LAG", "MAX_LAG_TIME", "MEMGRAPH_TLS_ENABLED", "MEMGRAPH_TLS_CA_PATH", "DURABILITY", "LOG_LEVEL", "LOG_FORMAT", "LOG_ADD_SOURCE", "DATA_DIRECTORY", "STATE_DIRECTORY",
	"INSTALL_DIRECTORY", "KEEP", "KEEP_BYTES", "STATUS_URL", "PRESTOP_TIMEOUT",
}

// Redactor takes secrets out of what is reported.
type Redactor struct {
	known []string // values that are secrets, the longest first
}

// shortest is how long a value must be to be taken out wherever it occurs: "1" or
// "true" would be taken out of everything.
const shortest = 6

// Env takes the values out of environment variables that the chart does not set, and
// remembers them.
func (r *Redactor) Env(spec *corev1.PodSpec) {
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			for j := range list[i].Env {
				r.env(&list[i].Env[j])
			}
		}
	}
	slices.SortFunc(r.known, func(a, b string) int { return len(b) - len(a) })
}

func (r *Redactor) env(e *corev1.EnvVar) {
	if e.Value == "" || slices.Contains(kept, e.Name) {
		return
	}
	if len(e.Value) >= shortest {
		r.known = append(r.known, e.Value)
	}
	e.Value = Redacted
}

// Meta takes out of an object's metadata what repeats it, secrets included.
func (r *Redactor) Meta(m *metav1.ObjectMeta) {
	m.ManagedFields = nil
	delete(m.Annotations, "kubectl.kubernetes.io/last-applied-configuration")
}

// What looks like a secret. The first group of each is kept.
var looks = []*regexp.Regexp{
	regexp.MustCompile(`(?s)()-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----`),
	regexp.MustCompile(`(?i)(\bbearer )[a-z0-9._~+/=-]+`),
	regexp.MustCompile(`()\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`),
	regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^\s:/@"']*:)[^\s/@"']+@`),
	regexp.MustCompile(`(?i)((?:identified by|set password to|set password|password to|--password|--token)[ =]+)(?:'[^']*'|"[^"]*"|[^\s'"]+)`),
	regexp.MustCompile(`(?i)((?:password|passwd|secret|token|credentials?|api[-_]?key|licen[cs]e[-_]?key|authorization)\\?["']?[ \t]*[:=][ \t]*)(?:\\?"[^"\n]+"|'[^'\n]+'|[^\s"',;&{}\[\]]+)`),
}

// harmless are values that are no secret whatever their key.
var harmless = []string{"true", "false", "null", "nil", Redacted}

// Text takes secrets out of a text.
func (r *Redactor) Text(text []byte) []byte {
	for _, value := range r.known {
		text = bytes.ReplaceAll(text, []byte(value), []byte(Redacted))
	}
	for _, look := range looks {
		text = look.ReplaceAllFunc(text, func(found []byte) []byte {
			keep := look.FindSubmatch(found)[1]
			value := strings.Trim(string(found[len(keep):]), `"'\`)
			if slices.Contains(harmless, value) {
				return found
			}
			out := append(bytes.Clone(keep), Redacted...)
			if bytes.HasSuffix(found, []byte("@")) {
				out = append(out, '@')
			}
			return out
		})
	}
	return text
}
