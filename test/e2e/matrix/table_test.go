package matrix

import (
	"slices"
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		faults, loads, want string
	}{
		{"kill", "", "kill/write"},
		{"delete kill", "write idle", "kill/idle kill/write delete/idle delete/write"},
		{"drain kill", "failover", "kill/failover"}, // the table has no drain there
		{"kill", "all", "kill/idle kill/write kill/switchover kill/rebuild kill/failover"},
		{"kill kill", "write write", "kill/write"},
	} {
		chosen, err := Choose(strings.Fields(c.faults), strings.Fields(c.loads))
		var got []string
		for _, one := range chosen {
			got = append(got, one.String())
		}
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%q in %q: %v, %v; want %s", c.faults, c.loads, got, err, c.want)
		}
	}
	every, err := Choose(nil, nil)
	if err != nil || len(every) != len(Faults()) {
		t.Errorf("nothing named: %d combinations, %v; want each fault once", len(every), err)
	}
}

func TestChooseRefuses(t *testing.T) {
	for _, c := range []struct {
		faults, loads string
		says          []string
	}{
		{"kil", "write", []string{`no fault "kil"`, "kill, kill-standby", "or all"}},
		{"kill", "writes", []string{`no load "writes"`, "idle, write, switchover, rebuild, failover, or all"}},
		{"drain", "failover", []string{"nothing to run", "drain", "failover", "table.go"}},
	} {
		_, err := Choose(strings.Fields(c.faults), strings.Fields(c.loads))
		if err == nil {
			t.Errorf("%q in %q is run", c.faults, c.loads)
			continue
		}
		for _, text := range c.says {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%q in %q: %q does not say %q", c.faults, c.loads, err, text)
			}
		}
	}
}

// A name that stands for nothing would silently be a gap of the matrix.
func TestTableNamesFaults(t *testing.T) {
	known := names()
	for i, name := range known {
		if slices.Contains(known[:i], name) {
			t.Errorf("two faults are called %s", name)
		}
	}
	for situation, faults := range during {
		for _, name := range faults {
			if !slices.Contains(known, name) {
				t.Errorf("during a %s there is %q, which is no fault", situation, name)
			}
		}
	}
	for _, f := range Faults() {
		if f.strike == nil || f.What == "" {
			t.Errorf("%s does nothing, or does not say what", f.Name)
		}
	}
}

func TestAsked(t *testing.T) {
	chosen, err := Choose(nil, []string{"all"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range chosen {
		if want := c.Fault.Name == "switchover" || c.Situation == Switchover; c.Asked() != want {
			t.Errorf("%s: asked %t", c, c.Asked())
		}
	}
}
