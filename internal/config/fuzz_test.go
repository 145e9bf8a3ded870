package config

import (
	"strings"
	"testing"
)

// FuzzComplete gives one setting any value, by flag or environment. Whatever is
// accepted must be accepted again as it is shown, and come out the same.
func FuzzComplete(f *testing.F) {
	for i, s := range run.settings {
		f.Add(uint8(i), s.def, true)
		f.Add(uint8(i), "30", false)
		f.Add(uint8(i), "0.0.0.0:7687", true)
	}
	f.Add(uint8(9), "-1h\n", false)
	f.Fuzz(func(t *testing.T, which uint8, text string, byFlag bool) {
		s := run.settings[int(which)%len(run.settings)]
		give := func(text string) ([]string, map[string]string) {
			vars := env("MEMGRAPH_USER", "u")
			if byFlag {
				return []string{"--" + s.flag() + "=" + text}, vars
			}
			vars[s.name] = text
			return nil, vars
		}
		args, vars := give(text)
		c, _, err := load(Bind, args, vars)
		if err != nil {
			if c != (Config{}) || !strings.Contains(err.Error(), s.name) && !strings.Contains(err.Error(), s.flag()) {
				t.Fatalf("%s given %q: %+v, and an error that does not name it: %v", s.name, text, c, err)
			}
			return
		}
		if c.Policy().Validate() != nil || c.Timing().Validate() != nil || len(c.Topology()) != c.Replicas {
			t.Fatalf("%s given %q is accepted and gives what is not: %+v", s.name, text, c)
		}
		args, vars = give(s.field.show(&c))
		if again, _, err := load(Bind, args, vars); err != nil || again != c {
			t.Fatalf("%s given %q is shown as %q, which gives %+v, %v; want %+v", s.name, text, s.field.show(&c), again, err, c)
		}
	})
}
