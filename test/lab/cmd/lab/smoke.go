package main

import (
	"context"
	"errors"
	"io"

	"memgraph-controller/test/lab"
	"memgraph-controller/test/lab/smoke"
)

// errTold marks a failure that has been told in full already: exit code 1.
type errTold struct{ error }

func runSmoke(ctx context.Context, l *lab.Lab, out io.Writer) error {
	err := smoke.Run(ctx, l, out)
	if errors.Is(err, smoke.ErrFailed) {
		return errTold{err}
	}
	return err
}
