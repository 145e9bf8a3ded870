package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Flags are the flags of one program, bound to a flag set, and from Complete on
// its settings.
type Flags[T any] struct {
	table   table[T]
	given   map[string]*raw // by the name of the setting
	ignored []string
	read    reader
}

// raw is a flag as it was written. It accepts everything, so that Complete can
// report all problems at once.
type raw struct {
	text, word string
	secret     bool
	set        bool
}

func (r *raw) Set(text string) error { r.text, r.set = text, true; return nil }
func (r *raw) Type() string          { return r.word }

// String is what flag packages print; it is empty for a secret.
func (r *raw) String() string {
	if r.secret {
		return ""
	}
	return r.text
}

// bind adds the flags of table t to a flag set.
func bind[T any](t table[T], flags *pflag.FlagSet) *Flags[T] {
	f := &Flags[T]{table: t, given: map[string]*raw{}, read: os.ReadFile}
	for _, s := range t.settings {
		r := &raw{text: s.def, word: s.field.word, secret: s.secret}
		f.given[s.name] = r
		flag := flags.VarPF(r, s.flag(), "", s.usage())
		if s.field.word == booleans().word {
			flag.NoOptDefVal = "true"
		}
	}
	return f
}

// Complete returns the settings, after the flag set has parsed a command line:
// what no flag says is taken from the environment, then from the defaults. getenv
// is os.LookupEnv or like it. The error has a line for every problem.
func (f *Flags[T]) Complete(getenv func(string) (string, bool)) (T, error) {
	var t T
	env := func(name string) string { v, _ := getenv(name); return v }
	c := &complaints[T]{table: f.table, said: map[string]string{}, bad: map[string]bool{}}
	f.ignored = nil
	for _, s := range f.table.settings {
		text, label := f.find(s, &t, env)
		c.said[s.name] = label
		if text == "" && !f.given[s.name].set {
			if s.required {
				c.unread(s.name, fmt.Sprintf("%s (or --%s) is not set: want %s", s.name, s.flag(), s.field.form))
			}
			continue
		}
		if why, ok := s.field.set(&t, text); !ok {
			c.unread(s.name, complain(label, s.field.form, why))
		}
	}
	for _, pair := range f.table.ignored {
		if env(pair[0]) != "" {
			f.ignored = append(f.ignored, pair[0]+": "+pair[1])
		}
	}
	if f.table.rules != nil {
		f.table.rules(&t, c)
	}
	if len(c.errs) > 0 {
		var none T
		return none, errors.Join(c.errs...)
	}
	return t, nil
}

// find returns the text of a setting and what to call it in an error.
func (f *Flags[T]) find(s setting[T], t *T, env func(string) string) (text, label string) {
	name := s.name
	value := env(s.name)
	if s.alias != "" && env(s.alias) != "" {
		if value == "" && !f.given[s.name].set {
			name, value = s.alias, env(s.alias)
		} else {
			f.ignored = append(f.ignored, fmt.Sprintf("%s: %s is set as well", s.alias, s.name))
		}
	}
	switch r := f.given[s.name]; {
	case r.set:
		text, label = r.text, fmt.Sprintf("--%s %q", s.flag(), r.text)
	case value != "":
		text, label = value, fmt.Sprintf("%s %q", name, value)
	case s.derive != nil:
		text = s.derive(t, f.read)
		label = fmt.Sprintf("%s %q (%s)", s.name, text, s.derived)
	default:
		text, label = s.def, fmt.Sprintf("%s %q (default)", s.name, s.def)
	}
	if s.secret {
		label = s.name
	}
	return text, label
}

// Ignored returns a sentence for each variable that is set, looks like a setting
// of an earlier deployment, and has no effect. It is empty before Complete.
func (f *Flags[T]) Ignored() []string { return slices.Clone(f.ignored) }

func complain(label, form string, why hint) string {
	if why != "" {
		return fmt.Sprintf("%s: want %s; %s", label, form, why)
	}
	return fmt.Sprintf("%s: want %s", label, form)
}

// complaints are what is wrong with some settings.
type complaints[T any] struct {
	table table[T]
	said  map[string]string // where each setting came from and its value
	bad   map[string]bool   // those that could not be read
	errs  []error
}

// unread says that a setting could not be read.
func (c *complaints[T]) unread(name, text string) {
	c.bad[name] = true
	c.errs = append(c.errs, errors.New(text))
}

// wrong says what is wrong about settings that could be read.
func (c *complaints[T]) wrong(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

// sound reports whether all these settings could be read, so that a rule about
// them makes sense.
func (c *complaints[T]) sound(names ...string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return c.bad[n] })
}

// all adds what another package's Validate has found. Its lines begin with the
// flag of the setting and its value, like "seat-wait 5s: want …", and get the
// name under which the value was given here.
func (c *complaints[T]) all(err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			c.all(e)
		}
		return
	}
	head, rest, _ := strings.Cut(err.Error(), ": ")
	flag, _, _ := strings.Cut(head, " ")
	for _, s := range c.table.settings {
		if s.flag() == flag {
			err = fmt.Errorf("%s: %s", c.said[s.name], rest)
		}
	}
	c.errs = append(c.errs, err)
}
