package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"memgraph-controller/test/lab"
)

func printStatus(ctx context.Context, l *lab.Lab, out io.Writer) error {
	machines, err := l.Status(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MACHINE\tADDRESS\tPOWER\tCOMPONENTS")
	for _, m := range machines {
		power, components := "off", []string(nil)
		if m.On {
			power = "on"
		}
		for _, name := range slices.Sorted(maps.Keys(m.Components)) {
			if m.Components[name] == 0 {
				name += " (down)"
			}
			components = append(components, name)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", m.Name, m.Address, power, strings.Join(components, ", "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nkubeconfig %s\nlogs       %s\n", l.Kubeconfig(), l.Logs())
	return nil
}
