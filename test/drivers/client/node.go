package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"memgraph-controller/test/drivers/judge"
)

// node are clients of the JavaScript driver, all in one process of Node.js.
type node struct {
	process *exec.Cmd
	orders  io.WriteCloser
	errors  *strings.Builder
	done    chan struct{} // closed when all that it said was read
	heard   error         // why that was not all
}

// report is one operation, as client.mjs tells it.
type report struct {
	Client  int     `json:"client"`
	ID      int64   `json:"id"`
	Begin   float64 `json:"begin"` // milliseconds since 1970
	End     float64 `json:"end"`
	Tries   int     `json:"tries"`
	Sent    int     `json:"sent"`
	Door    string  `json:"door"`
	Failure *struct {
		Code      string `json:"code"`
		Text      string `json:"text"`
		Retriable bool   `json:"retriable"`
	} `json:"failure"`
}

// CheckNode says what is missing for clients of the JavaScript driver, whose script is
// in dir.
func CheckNode(dir string) error {
	if _, err := exec.LookPath("node"); err != nil {
		return fmt.Errorf("find Node.js for the JavaScript driver: %w: run test/drivers/js/install.sh, or leave it out by --driver go", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "neo4j-driver")); err != nil {
		return fmt.Errorf("find the JavaScript driver: %w: run test/drivers/js/install.sh, or leave it out by --driver go", err)
	}
	return nil
}

// StartNode puts clients of the JavaScript driver to work. Tell is called from one
// goroutine.
func StartNode(ctx context.Context, dir string, specs []Spec, tell func(judge.Op)) (Crew, error) {
	if err := CheckNode(dir); err != nil {
		return nil, err
	}
	n := &node{process: exec.CommandContext(ctx, "node", "client.mjs"), errors: &strings.Builder{}, done: make(chan struct{})}
	n.process.Dir, n.process.Stderr = dir, n.errors
	orders, err := n.process.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start Node.js: %w", err)
	}
	n.orders = orders
	out, err := n.process.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start Node.js: %w", err)
	}
	if err := n.process.Start(); err != nil {
		return nil, fmt.Errorf("start Node.js: %w", err)
	}
	go func() {
		defer close(n.done)
		n.heard = listen(out, tell)
	}()
	if err := json.NewEncoder(orders).Encode(specs); err != nil {
		return nil, errors.Join(fmt.Errorf("tell Node.js what to do: %w", err), n.Stop())
	}
	return n, nil
}

// listen tells of every operation until the process has said its last word.
func listen(out io.Reader, tell func(judge.Op)) error {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r report
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return fmt.Errorf("read what Node.js says, %q: %w", lines.Text(), err)
		}
		tell(r.op())
	}
	return lines.Err()
}

func (r report) op() judge.Op {
	o := judge.Op{Client: r.Client, ID: r.ID, Begin: moment(r.Begin), End: moment(r.End), Tries: r.Tries, Sent: r.Sent, Door: r.Door}
	if r.Failure != nil {
		o.Failure = &judge.Failure{Code: r.Failure.Code, Text: r.Failure.Text, Retriable: r.Failure.Retriable}
	}
	return o
}

// moment is a time in milliseconds since 1970, to the microsecond.
func moment(ms float64) time.Time { return time.UnixMicro(int64(math.Round(ms * 1000))) }

// Stop implements Crew. A closed standard input is the order to stop.
func (n *node) Stop() error {
	closeErr := n.orders.Close()
	<-n.done
	if err := n.process.Wait(); err != nil {
		return fmt.Errorf("clients of the JavaScript driver: %w: %s", err, strings.TrimSpace(n.errors.String()))
	}
	if err := errors.Join(n.heard, closeErr); err != nil {
		return fmt.Errorf("clients of the JavaScript driver: %w", err)
	}
	return nil
}
