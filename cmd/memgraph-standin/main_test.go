package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"memgraph-controller/internal/standin/server"
	"memgraph-controller/test/selfsigned"
)

// parse reads a command line as main does, up to the start.
func parse(args ...string) (server.Options, error) {
	f := defaultFlags()
	set := pflag.NewFlagSet("memgraph-standin", pflag.ContinueOnError)
	f.register(set)
	if err := set.Parse(args); err != nil {
		return server.Options{}, err
	}
	return f.options(set, slog.New(slog.DiscardHandler))
}

func TestFlagsAsMemgraphTakesThem(t *testing.T) {
	o, err := parse("--bolt-port=17687", "--bolt-address", "127.0.0.1", "--storage-wal-enabled", "--data-recovery-on-startup=false",
		"--storage-snapshot-interval-sec=0", "--monitoring-port=7444", "--telemetry-enabled=false", "--metrics-address=127.0.0.1",
		"--memory-limit=100", "--standin-version=3.6.2", "--standin-edition=ce", "--standin-faults=empty-heir,false-divergence")
	if err != nil {
		t.Fatal(err)
	}
	if o.BoltPort != 17687 || o.BoltAddress != "127.0.0.1" || !o.WAL || o.Recover || !o.RestoreRole || o.SnapshotInterval != 0 ||
		o.Version != "3.6.2" || !o.Community || len(*o.Faults) != 2 || o.CheckEvery != time.Second || o.MemoryLimit != 100<<20 {
		t.Errorf("%+v", o)
	}
}

func TestDefaultsOfTheBareBinary(t *testing.T) {
	o, err := parse()
	if err != nil {
		t.Fatal(err)
	}
	if o.WAL || o.FlushEvery != 100000 || !o.Recover || !o.RestoreRole || o.BoltPort != 7687 || o.Faults != nil || o.ControlPort != 0 {
		t.Errorf("%+v", o)
	}
	var shown bool
	for _, c := range o.Config {
		shown = shown || c.Name == "storage_wal_enabled" && c.Default == "false" && c.Current == "false"
		if strings.HasPrefix(c.Name, "standin") {
			t.Errorf("SHOW CONFIG would show %s", c.Name)
		}
	}
	if !shown {
		t.Error("SHOW CONFIG would not show storage_wal_enabled")
	}
}

func TestCertificateOfTheBoltPort(t *testing.T) {
	dir := t.TempDir()
	cert, key, err := selfsigned.New("node")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"crt": cert, "key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o, err := parse("--bolt-cert-file="+filepath.Join(dir, "crt"), "--bolt-key-file="+filepath.Join(dir, "key"))
	if err != nil || o.BoltTLS == nil || len(o.BoltTLS.Certificates) != 1 {
		t.Errorf("%+v, %v; want the certificate", o.BoltTLS, err)
	}
	if _, err := parse("--bolt-cert-file=" + filepath.Join(dir, "crt")); err == nil || !strings.Contains(err.Error(), "--bolt-key-file") {
		t.Errorf("%v; want an error that names the key's flag", err)
	}
}

func TestFlagsThatMakeNoSense(t *testing.T) {
	for _, args := range []string{
		"--no-such-flag", "--bolt-port=x", "--standin-edition=oss", "--standin-faults=gravity", "--storage-mode=ON_DISK_TRANSACTIONAL",
		"--storage-wal-file-flush-every-n-tx=0", "--storage-snapshot-interval-sec=-1",
	} {
		if _, err := parse(strings.Fields(args)...); err == nil {
			t.Errorf("%s was accepted", args)
		}
	}
	if o, err := parse("--standin-faults=none"); err != nil || o.Faults == nil || len(*o.Faults) != 0 {
		t.Errorf("no faults: %+v, %v", o.Faults, err)
	}
}
