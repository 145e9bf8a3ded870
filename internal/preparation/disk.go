package preparation

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// disk is what a move does to the file system. Each call is one step at whose end
// the machine may lose its power.
type disk interface {
	Stat(path string) (fs.FileInfo, error)
	Lstat(path string) (fs.FileInfo, error)
	ReadDir(path string) ([]fs.DirEntry, error)
	ReadFile(path string) ([]byte, error)

	Mkdir(path string) error
	WriteFile(path string, data []byte) error // on the disk when it returns
	Rename(from, to string) error
	Sync(dir string) error // the entries of dir are on the disk when it returns
	RemoveAll(path string) error
}

type fileSystem struct{}

func (fileSystem) Stat(path string) (fs.FileInfo, error)      { return os.Stat(path) }
func (fileSystem) Lstat(path string) (fs.FileInfo, error)     { return os.Lstat(path) }
func (fileSystem) ReadDir(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }
func (fileSystem) ReadFile(path string) ([]byte, error)       { return os.ReadFile(path) }
func (fileSystem) Mkdir(path string) error                    { return os.Mkdir(path, 0o755) }
func (fileSystem) Rename(from, to string) error               { return os.Rename(from, to) }
func (fileSystem) RemoveAll(path string) error                { return os.RemoveAll(path) }

func (fileSystem) WriteFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// Sync accepts that some file systems cannot do it: they keep directories in
// order by other means.
func (fileSystem) Sync(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}

// unused returns an error if a server holds the lock of its data directory: the
// old pod still runs beside the new one. Memgraph takes a POSIX lock on the whole
// file (source of 2.x to 3.12).
func unused(lock string) error {
	f, err := os.Open(lock)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ask whether a server runs on this data: %w", err)
	}
	defer f.Close()
	query := syscall.Flock_t{Type: syscall.F_WRLCK}
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_GETLK, &query); err != nil {
		return fmt.Errorf("ask whether a server runs on this data, %s: %w", lock, err)
	}
	if query.Type != syscall.F_UNLCK {
		return fmt.Errorf("move data aside: another server runs on it and holds %s; it must end first", lock)
	}
	return nil
}
