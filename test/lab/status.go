package lab

import (
	"context"
	"fmt"

	"memgraph-controller/test/lab/machine"
)

// Machine is one machine of the lab as it is now.
type Machine struct {
	Name       string
	Address    string
	On         bool
	Components map[string]int // process id by name; 0: down
}

// Status looks at every machine.
func (l *Lab) Status(ctx context.Context) ([]Machine, error) {
	var out []Machine
	for _, h := range hosts(l.state.Nodes) {
		m := Machine{Name: string(h), Address: h.ip(), On: h.pid() != 0}
		if m.On {
			var err error
			if m.Components, err = machine.Status(ctx, h.control()); err != nil {
				return nil, fmt.Errorf("status of %s: %w", h, err)
			}
		}
		out = append(out, m)
	}
	return out, nil
}
