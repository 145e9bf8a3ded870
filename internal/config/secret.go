package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a text that no print shows. Convert it to a string to use it.
type Secret string

const redacted = "[redacted]"

// shown is what prints show: that there is a secret, and no more.
func (s Secret) shown() string {
	if s == "" {
		return ""
	}
	return redacted
}

// Format writes the redacted form for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.shown()) }

// LogValue returns the redacted form.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.shown()) }

// MarshalText returns the redacted form.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.shown()), nil }
