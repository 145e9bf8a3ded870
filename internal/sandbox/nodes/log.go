package nodes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// logLimit is how large a log may be when it is opened; a larger one becomes the
// old one first, of which there is one.
const logLimit = 10 << 20

// OpenLog opens a log to append to. One that has grown above 10 MiB is renamed to
// "<path>.1", in place of what had that name.
func OpenLog(path string) (*os.File, error) {
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("look at the log: %w", err)
	case info.Size() > logLimit:
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("put the old log aside: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return f, nil
}
