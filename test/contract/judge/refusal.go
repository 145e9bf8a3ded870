//go:build linux

package judge

import (
	"fmt"
	"strings"

	"memgraph-controller/test/contract/client"
)

// The codes Memgraph puts on failures.
const (
	ClientError    = "Memgraph.ClientError.MemgraphError.MemgraphError"
	TransientError = "Memgraph.TransientError.MemgraphError.MemgraphError"
)

// Refusal is an expected failure: at which moment, with which code and which
// words. Text is compared exactly; Part and Prefix where only a fragment is
// known for a release. Empty fields are not compared.
type Refusal struct {
	At     string
	Code   string
	Text   string
	Prefix string
	Part   string
}

// Judge returns "" if a is this refusal, else what was expected instead.
func (r Refusal) Judge(a client.Answer) string {
	switch {
	case a.OK(),
		r.At != "" && a.At != r.At,
		r.Code != "" && a.Code != r.Code,
		r.Text != "" && a.Message != r.Text,
		!strings.HasPrefix(a.Message, r.Prefix),
		!strings.Contains(a.Message, r.Part):
		return r.String()
	}
	return ""
}

// String renders the refusal as Answer.Outcome renders what came.
func (r Refusal) String() string {
	at, code := r.At, r.Code
	if at == "" {
		at = "*"
	}
	if code == "" {
		code = "*"
	}
	s := fmt.Sprintf("ERROR@%s code=%s", at, code)
	if r.Text != "" {
		s += fmt.Sprintf(" msg=%q", r.Text)
	}
	if r.Prefix != "" {
		s += fmt.Sprintf(" msg starting with %q", r.Prefix)
	}
	if r.Part != "" {
		s += fmt.Sprintf(" msg containing %q", r.Part)
	}
	return s
}

// OnPull is a ClientError delivered on PULL, the ordinary refusal of a
// replication query.
func OnPull(text string) Refusal {
	return Refusal{At: client.AtPull, Code: ClientError, Text: text}
}

// OnRun is a ClientError delivered on RUN.
func OnRun(text string) Refusal {
	return Refusal{At: client.AtRun, Code: ClientError, Text: text}
}
