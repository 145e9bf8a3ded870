package replication

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// Role of a node, in the words of SHOW REPLICATION ROLE.
type Role string

// The roles.
const (
	Main    Role = "main"
	Replica Role = "replica"
)

// Registration is one entry of a MAIN's list of replicas.
type Registration struct {
	Name string `json:"name"`
	Host string `json:"host"`
	Port int    `json:"port"`
	Mode Mode   `json:"mode"`
}

// Address is host:port, as given and not resolved.
func (r Registration) Address() string { return net.JoinHostPort(r.Host, strconv.Itoa(r.Port)) }

// record is what a node remembers of its role.
type record struct {
	Role     Role           `json:"role"`
	Port     int            `json:"port,omitempty"` // of a REPLICA
	MainUUID string         `json:"main_uuid"`      // own as MAIN, the obeyed one as REPLICA
	Replicas []Registration `json:"replicas,omitempty"`
}

// store keeps the record in a file. Without a path it keeps nothing.
type store struct{ path string }

func (s store) load() (rec record, found bool, err error) {
	if s.path == "" {
		return rec, false, nil
	}
	b, err := os.ReadFile(s.path)
	if errors.Is(err, os.ErrNotExist) {
		return rec, false, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &rec)
	}
	if err != nil {
		return rec, false, fmt.Errorf("read replication state: %w", err)
	}
	if rec.Role != Main && rec.Role != Replica {
		return rec, false, fmt.Errorf("read replication state: unknown role %q", rec.Role)
	}
	return rec, true, nil
}

// save is durable when it returns.
func (s store) save(rec record) error {
	if s.path == "" {
		return nil
	}
	b, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("write replication state: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o750); err != nil {
		return fmt.Errorf("write replication state: %w", err)
	}
	file, err := os.Create(s.path + ".part")
	if err != nil {
		return fmt.Errorf("write replication state: %w", err)
	}
	_, err = file.Write(b)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(s.path+".part", s.path)
	}
	if err != nil {
		return fmt.Errorf("write replication state: %w", err)
	}
	return nil
}
