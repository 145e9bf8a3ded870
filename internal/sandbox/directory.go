package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"memgraph-controller/internal/cluster"
)

// directory is where a sandbox keeps what outlives a process of it.
type directory struct {
	path      string
	temporary bool
	lock      *os.File
}

// openDirectory takes possession of path, which is made if it does not exist;
// "" stands for a new directory that is removed again.
func openDirectory(path string) (*directory, error) {
	d := &directory{path: path}
	var err error
	if path == "" {
		d.temporary = true
		if d.path, err = os.MkdirTemp("", "memgraph-sandbox-"); err != nil {
			return nil, fmt.Errorf("make a directory for the sandbox: %w", err)
		}
	} else {
		if d.path, err = filepath.Abs(path); err != nil {
			return nil, fmt.Errorf("find the sandbox's directory %s: %w", path, err)
		}
		if err := os.MkdirAll(d.path, 0o755); err != nil {
			return nil, fmt.Errorf("make the sandbox's directory: %w", err)
		}
	}
	if d.lock, err = os.OpenFile(d.file("lock"), os.O_CREATE|os.O_RDWR, 0o644); err != nil {
		return nil, fmt.Errorf("lock the sandbox's directory: %w", err)
	}
	if err := syscall.Flock(int(d.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: another sandbox uses it: %w", d.path, err), d.lock.Close())
	}
	return d, nil
}

func (d *directory) file(elem ...string) string {
	return filepath.Join(append([]string{d.path}, elem...)...)
}

// close gives the directory up, and removes it if it was a temporary one.
func (d *directory) close() error {
	err := d.lock.Close()
	if d.temporary {
		err = errors.Join(err, os.RemoveAll(d.path))
	}
	if err != nil {
		return fmt.Errorf("give up the sandbox's directory: %w", err)
	}
	return nil
}

// loadRecord returns the record an earlier sandbox has kept here, nil if none has.
func (d *directory) loadRecord() (*cluster.Record, error) {
	raw, err := os.ReadFile(d.file("record.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the kept record: %w", err)
	}
	var data map[string]string
	if err := json.Unmarshal(raw, &data); err != nil {
		return nil, fmt.Errorf("read the kept record %s: %w", d.file("record.json"), err)
	}
	r, err := cluster.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("read the kept record %s: %w", d.file("record.json"), err)
	}
	return &r, nil
}

// saveRecord keeps a record for the next sandbox, whole or not at all; nil keeps
// that there is none.
func (d *directory) saveRecord(r *cluster.Record) error {
	if r == nil {
		if err := os.Remove(d.file("record.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("keep that there is no record: %w", err)
		}
		return nil
	}
	raw, err := json.MarshalIndent(r.Encode(), "", "  ")
	if err != nil {
		return fmt.Errorf("keep the record: %w", err)
	}
	return d.replace("record.json", raw)
}

// replace writes a file, whole or not at all.
func (d *directory) replace(name string, text []byte) error {
	next := d.file(name + ".next")
	if err := os.WriteFile(next, text, 0o644); err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	if err := os.Rename(next, d.file(name)); err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	return nil
}

// loadPorts returns the replication ports of an earlier sandbox here, nil if
// there was none. A REPLICA that is started again opens the port it had, whatever
// the init file says (field-tested on 3.6.2), so they must not change.
func (d *directory) loadPorts() ([]int, error) {
	raw, err := os.ReadFile(d.file("ports.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the kept ports: %w", err)
	}
	var ports []int
	if err := json.Unmarshal(raw, &ports); err != nil {
		return nil, fmt.Errorf("read the kept ports %s: %w", d.file("ports.json"), err)
	}
	if len(ports) != Size {
		return nil, fmt.Errorf("read the kept ports %s: want %d numbers, not %v", d.file("ports.json"), Size, ports)
	}
	return ports, nil
}

// savePorts keeps the replication ports for the next sandbox.
func (d *directory) savePorts(ports []int) error {
	raw, err := json.Marshal(ports)
	if err != nil {
		return fmt.Errorf("keep the ports: %w", err)
	}
	return d.replace("ports.json", raw)
}
