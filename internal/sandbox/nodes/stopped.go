package nodes

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// stopped reports whether every thread of process pid is stopped (proc(5): state
// T), or the process is gone.
func stopped(pid int) bool {
	stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return false
	}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			continue // the thread has ended
		}
		// The state follows the name, which is in brackets and may hold any character.
		i := bytes.LastIndexByte(b, ')')
		if err != nil || i < 0 || i+2 >= len(b) || b[i+2] != 'T' {
			return false
		}
	}
	return true
}
