package judge

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Table prints a row a line.
func Table(out io.Writer, lines []*Line) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "EVENT\tDRIVER\tURI\tMODE\tRUNS\tOPS\tERRORS\tRETRIABLE\tUNKNOWN\tLOST\tDUP\tGAP MS\tWRITE\tREAD\tVERDICT") // kept until Flush
	for _, l := range lines {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s://\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.0f\t%.0f\t%.0f\t%s\n",
			l.Event, l.Driver, l.URI, l.Mode, l.Runs, l.Ops, l.Errors, l.Retriable, l.Unknown, l.Lost, l.Dup, l.MaxGap, l.Write.MaxGap, l.Read.MaxGap, l.Verdict())
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	return nil
}

// Summary is the sum of lines.
type Summary struct {
	Lines []*Line
	Stray int // ids that were on a node though nobody was to write them
}

// Failed counts the cells in which a promise was broken.
func (s Summary) Failed() int {
	n := 0
	for _, l := range s.Lines {
		if l.Failed() {
			n++
		}
	}
	return n
}

// String is the last line of the output.
func (s Summary) String() string {
	drivers := map[Driver]bool{}
	var sum Line
	late := 0
	for _, l := range s.Lines {
		drivers[l.Driver] = true
		sum.Ops += l.Ops
		sum.Errors += l.Errors
		sum.Unknown += l.Unknown
		sum.Lost += l.Lost
		sum.Dup += l.Dup
		sum.DupByDriver += l.DupByDriver
		sum.RefusedFound += l.RefusedFound
		if l.Late() {
			late++
		}
	}
	return fmt.Sprintf("drivers=%d cells=%d failed=%d late=%d ops=%d errors=%d unknown=%d lost=%d dup=%d dup_by_driver=%d refused_found=%d stray=%d",
		len(drivers), len(s.Lines), s.Failed(), late, sum.Ops, sum.Errors, sum.Unknown, sum.Lost, sum.Dup, sum.DupByDriver, sum.RefusedFound, s.Stray)
}
