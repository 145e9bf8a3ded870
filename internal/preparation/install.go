package preparation

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"memgraph-controller/internal/cluster"
)

// Program is the name of the copy in the install directory.
const Program = "memgraph-controller"

// kernelBootID is where Linux tells one boot of a machine from another.
const kernelBootID = "/proc/sys/kernel/random/boot_id"

// install copies the program at from, "" for the running one, into dir. Whoever
// runs the copy sees the old one or the new one whole.
func install(from, dir string) error {
	if from == "" {
		var err error
		if from, err = os.Executable(); err != nil {
			return fmt.Errorf("find the program to copy: %w", err)
		}
	}
	to := filepath.Join(dir, Program)
	if err := copyProgram(from, filepath.Join(dir, "."+Program+".new"), to); err != nil {
		return fmt.Errorf("copy the program to %s: %w", to, err)
	}
	return nil
}

func copyProgram(from, fresh, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Chmod(0o755), out.Close()); err != nil { // whatever the umask was
		return err
	}
	return os.Rename(fresh, to)
}

// message is what the controller reads from the state of the init container.
// Kubernetes cuts it after 4096 bytes.
type message struct {
	BootID string `json:"bootID"`
	Aside  []kept `json:"aside,omitempty"`     // the newest, as many as a controller shows
	More   int    `json:"asideMore,omitempty"` // how many there are beside
}

// report writes the boot id of this machine, which is in the file named, and what
// is kept of the data moved aside, the newest first, to the file from which
// Kubernetes takes a container's last words.
func report(bootID string, left []kept, to string) (string, error) {
	b, err := os.ReadFile(bootID)
	if err != nil {
		return "", fmt.Errorf("read on which boot this machine is: %w", err)
	}
	m := message{BootID: strings.TrimSpace(string(b))}
	if m.BootID == "" {
		return "", fmt.Errorf("read on which boot this machine is: %s is empty", bootID)
	}
	listed := min(len(left), cluster.AsideListed)
	m.Aside, m.More = left[:listed], len(left)-listed
	text, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("tell on which boot this machine is: %w", err)
	}
	if err := os.WriteFile(to, text, 0o644); err != nil {
		return "", fmt.Errorf("tell on which boot this machine is: %w", err)
	}
	return m.BootID, nil
}
