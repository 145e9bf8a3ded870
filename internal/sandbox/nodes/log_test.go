package nodes

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLogIsPutAsideWhenItIsOpenedTooLargeAndOneOldOneIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "server.log")
	write := func(text string) {
		t.Helper()
		f, err := OpenLog(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	want := func(path string, size int64) {
		t.Helper()
		if info, err := os.Stat(path); err != nil || info.Size() != size {
			t.Errorf("%s: %v, %v; want %d bytes", filepath.Base(path), info, err, size)
		}
	}
	write("a")
	write("b")
	want(path, 2)
	for range 2 { // the second replaces the old log of the first
		if err := os.Truncate(path, logLimit+1); err != nil {
			t.Fatal(err)
		}
		write("c")
		want(path, 1)
		want(path+".1", logLimit+1)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 2 {
		t.Errorf("%d logs, %v; want the present one and one old one", len(entries), err)
	}
}
