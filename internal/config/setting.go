package config

import "strings"

// setting is one row of a table: a value of a program's settings T.
type setting[T any] struct {
	name     string // of the environment variable
	flagName string // of the flag; "" is name in kebab-case
	alias    string // another variable, of earlier deployments, that is read if name is not set
	group    string // heading in the documentation
	def      string // default, in the accepted form; "" is the zero value
	derived  string // what the default is derived from, for people; "" if it is def
	about    string // one sentence without its full stop
	secret   bool   // never shown
	required bool   // must be given

	// derive returns a default that depends on settings before this one or on
	// where the program runs; "" if it cannot be told.
	derive func(*T, reader) string
	field  field[T]
}

// reader reads a small file, as os.ReadFile does.
type reader func(path string) ([]byte, error)

// flag is the setting's name on a command line.
func (s setting[T]) flag() string {
	if s.flagName != "" {
		return s.flagName
	}
	return strings.ReplaceAll(strings.ToLower(s.name), "_", "-")
}

// usage is the setting's line in the help. Quotes that documentation needs would
// rename the value there.
func (s setting[T]) usage() string {
	text := strings.ReplaceAll(s.about, "`", "") + " [$" + s.name + "]"
	switch {
	case s.required:
		text += " (required)"
	case s.derived != "":
		text += " (default: " + strings.ReplaceAll(s.derived, "`", "") + ")"
	}
	return text
}

// field is where a value lives in T, and of what kind it is.
type field[T any] struct {
	word, form string
	set        func(*T, string) (hint, bool)
	show       func(*T) string
}

// at is the field that to points at, a value of kind k.
func at[T, V any](k kind[V], to func(*T) *V) field[T] {
	return field[T]{
		word: k.word, form: k.form, show: func(t *T) string { return k.show(*to(t)) },
		set: func(t *T, text string) (hint, bool) {
			v, why, ok := k.parse(text)
			if ok {
				*to(t) = v
			}
			return why, ok
		},
	}
}

// table is all there is to say about the settings of one program.
type table[T any] struct {
	settings []setting[T]
	// ignored are variables of earlier deployments that have no effect, each with
	// the reason, in pairs.
	ignored [][2]string
	// rules check what no single setting can. They complain through c.
	rules func(t *T, c *complaints[T])
}
