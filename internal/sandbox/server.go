package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"memgraph-controller/internal/sandbox/nodes"
)

// Server says which program the nodes run.
type Server struct {
	Memgraph string // path of a real Memgraph; "" for the stand-in
	Standin  string // path of the stand-in; "" to look for it beside this program
	Version  string // which Memgraph the stand-in plays; "" for its default
}

// standinName is the program that plays Memgraph.
const standinName = "memgraph-standin"

// program returns the path of what the nodes run. Its error says what to do.
func (s Server) program() (string, error) {
	if s.Memgraph != "" {
		path, err := exec.LookPath(s.Memgraph)
		if err != nil {
			return "", fmt.Errorf("find Memgraph: %w; give its path with --memgraph", err)
		}
		return filepath.Abs(path)
	}
	if s.Standin != "" {
		path, err := exec.LookPath(s.Standin)
		if err != nil {
			return "", fmt.Errorf("find the stand-in: %w; build it with `go build -o bin/%s ./cmd/%[2]s`", err, standinName)
		}
		return filepath.Abs(path)
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the stand-in beside this program: %w", err)
	}
	beside := filepath.Join(filepath.Dir(self), standinName)
	switch _, err := os.Stat(beside); {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("there is no %s; run `make sandbox`, or give a path with --standin or --memgraph", beside)
	case err != nil:
		return "", fmt.Errorf("find the stand-in: %w", err)
	}
	return beside, nil
}

// place is where one node lives.
type place struct {
	name                                   string
	dir                                    string
	bolt, replication, monitoring, control int // ports
}

// node returns how to run the server of one node, with the flags of the chart.
func (s Server) node(program string, p place) nodes.Node {
	args := []string{
		"--bolt-address=127.0.0.1",
		"--bolt-port=" + strconv.Itoa(p.bolt),
		"--data-directory=" + filepath.Join(p.dir, "data"),
		"--storage-wal-enabled=true",
		"--storage-snapshot-interval-sec=300",
		"--storage-snapshot-on-exit=false",
		"--storage-wal-file-flush-every-n-tx=100000",
		"--data-recovery-on-startup=true",
		"--replication-restore-state-on-startup=true",
		"--telemetry-enabled=false",
		"--log-level=WARNING",
		"--also-log-to-stderr=true",
		"--init-file=" + filepath.Join(p.dir, "init.cypherl"),
	}
	if s.Memgraph != "" { // what only a real server has, and three of them would fight for
		args = append(args,
			"--log-file=",
			"--monitoring-address=127.0.0.1",
			"--monitoring-port="+strconv.Itoa(p.monitoring),
		)
	} else {
		args = append(args, s.standinArgs(p)...)
	}
	return nodes.Node{
		Name: p.name, Program: program, Args: args,
		Data: filepath.Join(p.dir, "data"), Log: filepath.Join(p.dir, "server.log"),
	}
}

// settle makes the place ready: the init file has the node born as REPLICA (P4).
func (p place) settle() error {
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return fmt.Errorf("make the directory of %s: %w", p.name, err)
	}
	line := fmt.Sprintf("SET REPLICATION ROLE TO REPLICA WITH PORT %d;\n", p.replication)
	if err := os.WriteFile(filepath.Join(p.dir, "init.cypherl"), []byte(line), 0o644); err != nil {
		return fmt.Errorf("write the init file of %s: %w", p.name, err)
	}
	return nil
}
