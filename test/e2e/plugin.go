package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// Spoken is what one call of the plugin has printed, and its exit code.
type Spoken struct {
	Out, Errs string
	Code      int
}

// String is all of it, for whoever reads why a test failed.
func (s Spoken) String() string {
	return fmt.Sprintf("exit code %d, output:\n%serrors:\n%s", s.Code, s.Out, s.Errs)
}

// Plugin calls kubectl-memgraph for the release, as the administrator. An exit code
// that is not 0 is no error.
func (r *Release) Plugin(ctx context.Context, args ...string) (Spoken, error) {
	return r.Place.plugin(ctx, append(args, "--namespace", r.Namespace, "--release", r.Name)...)
}

// patience is how long a call of the plugin may take: a rebuild is waited for.
const patience = 4 * time.Minute

// plugin calls kubectl-memgraph, which make e2e has built.
func (p *Place) plugin(ctx context.Context, args ...string) (Spoken, error) {
	program, err := repositoryFile("bin/kubectl-memgraph")
	if err != nil {
		return Spoken{}, fmt.Errorf("find the plugin, which make e2e builds: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	command := p.Program(ctx, program, args...)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	err = command.Run()
	said := Spoken{Out: out.String(), Errs: errs.String()}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.Exited() {
		said.Code, err = exit.ExitCode(), nil
	}
	if err != nil {
		return said, fmt.Errorf("run %s %q: %w: %s", program, args, err, said.Errs)
	}
	return said, nil
}
