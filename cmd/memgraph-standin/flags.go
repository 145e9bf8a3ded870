package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"memgraph-controller/internal/standin/server"
)

// flags are the command line. Durations are in seconds, as in Memgraph.
type flags struct {
	server.Options
	certFile         string
	keyFile          string
	snapshotInterval int64
	queryTimeout     float64
	walFileKiB       int64
	memoryLimitMiB   int64
	checkFrequency   int64
	storageMode      string
	edition          string
	faultNames       []string
	logFile          string
	logLevel         string
	alsoStderr       bool
}

// The defaults are those of Memgraph's bare binary, not those of its packages.
func defaultFlags() *flags {
	return &flags{
		Options: server.Options{
			BoltAddress: "0.0.0.0", BoltPort: 7687, DataDirectory: "mg_data", FlushEvery: 100000,
			SnapshotRetention: 3, Recover: true, RestoreRole: true, Version: "3.12.0", Kill: kill,
			ServerName: "Neo4j/v5.11.0 compatible graph database server - Memgraph",
		},
		snapshotInterval: 300, queryTimeout: 600, walFileKiB: 20480, checkFrequency: 1,
		storageMode: "IN_MEMORY_TRANSACTIONAL", edition: "ee", faultNames: []string{"all"}, logLevel: "WARNING",
	}
}

func (f *flags) register(set *pflag.FlagSet) {
	set.SortFlags = false
	set.StringVar(&f.BoltAddress, "bolt-address", f.BoltAddress, "IP address on which the Bolt server should listen.")
	set.IntVar(&f.BoltPort, "bolt-port", f.BoltPort, "Port on which the Bolt server should listen.")
	set.StringVar(&f.certFile, "bolt-cert-file", f.certFile, "Certificate file which should be used for the Bolt server.")
	set.StringVar(&f.keyFile, "bolt-key-file", f.keyFile, "Key file which should be used for the Bolt server.")
	set.StringVar(&f.ServerName, "bolt-server-name-for-init", f.ServerName, "Server name which the database should send to the client in the Bolt INIT message.")
	set.StringVar(&f.DataDirectory, "data-directory", f.DataDirectory, "Path to directory in which to save all permanent data.")
	set.BoolVar(&f.WAL, "storage-wal-enabled", f.WAL, "Controls whether the storage uses write-ahead-logging.")
	set.IntVar(&f.FlushEvery, "storage-wal-file-flush-every-n-tx", f.FlushEvery, "Issue a 'fsync' call after this amount of transactions are written to the WAL file.")
	set.Int64Var(&f.walFileKiB, "storage-wal-file-size-kib", f.walFileKiB, "Minimum file size of each WAL file.")
	set.Int64Var(&f.snapshotInterval, "storage-snapshot-interval-sec", f.snapshotInterval, "Storage snapshot creation interval (in seconds). Set to 0 to disable periodic snapshot creation.")
	set.BoolVar(&f.SnapshotOnExit, "storage-snapshot-on-exit", f.SnapshotOnExit, "Controls whether the storage creates another snapshot on exit.")
	set.IntVar(&f.SnapshotRetention, "storage-snapshot-retention-count", f.SnapshotRetention, "The number of snapshots that should always be kept.")
	set.BoolVar(&f.Recover, "data-recovery-on-startup", f.Recover, "Controls whether the database recovers persisted data on startup.")
	set.BoolVar(&f.RestoreRole, "replication-restore-state-on-startup", f.RestoreRole, "Restore replication state on startup, e.g. recover replica")
	set.Int64Var(&f.checkFrequency, "replication-replica-check-frequency-sec", f.checkFrequency, "The time duration between two replica checks/pings. If < 1, replicas will NOT be checked at all.")
	set.StringVar(&f.InitFile, "init-file", f.InitFile, "Path to cypherl file that is used for configuring users and database schema before server starts.")
	set.StringVar(&f.storageMode, "storage-mode", f.storageMode, "Default storage mode Memgraph uses.")
	set.Float64Var(&f.queryTimeout, "query-execution-timeout-sec", f.queryTimeout, "Maximum allowed query execution time. Queries exceeding this limit will be aborted. Value of 0 means no limit.")
	set.Int64Var(&f.memoryLimitMiB, "memory-limit", f.memoryLimitMiB, "Total memory limit in MiB. Set to 0 to use the default values. Only shown here.")
	set.BoolVar(&f.alsoStderr, "also-log-to-stderr", f.alsoStderr, "Log messages go to stderr in addition to logfiles")
	set.StringVar(&f.logFile, "log-file", f.logFile, "Path to where the log should be stored. If set to an empty string, no log file is used.")
	set.StringVar(&f.logLevel, "log-level", f.logLevel, "Minimum log level. Allowed values: TRACE, DEBUG, INFO, WARNING, ERROR, CRITICAL")
	registerIgnored(set)
	set.StringVar(&f.Version, "standin-version", f.Version, "Release of Memgraph to be, from 2.19 on; 'next' is what follows 3.12")
	set.StringVar(&f.edition, "standin-edition", f.edition, "Build to be: 'ee' (as the official packages, no licence) or 'ce' (without MG_ENTERPRISE)")
	set.StringSliceVar(&f.faultNames, "standin-faults", f.faultNames, "Memgraph's own faults to have, as far as the release has them: all, none, or a list of false-divergence, hang-on-drop, empty-heir")
	set.IntVar(&f.ControlPort, "standin-control-port", f.ControlPort, "Port on 127.0.0.1 by which tests break things; 0 is off")
}

// registerIgnored accepts flags that make no difference here.
func registerIgnored(set *pflag.FlagSet) {
	const note = " Accepted, without effect here."
	set.Bool("telemetry-enabled", false, "Set to true to enable telemetry."+note)
	set.Bool("storage-properties-on-edges", false, "Controls whether edges have properties."+note)
	set.Bool("storage-gc-aggressive", false, "Enable aggressive garbage collection."+note)
	set.Int("storage-gc-cycle-sec", 30, "Storage garbage collector interval (in seconds)."+note)
	set.Int("storage-access-timeout-sec", 1, "Storage access timeout (in seconds)."+note)
	set.String("storage-snapshot-interval", "", "Define periodic snapshot schedule via cron format or as a period in seconds. Set to empty string to disable."+note)
	set.Bool("storage-parallel-schema-recovery", false, "Controls whether the indices and constraints creation can be done in a multithreaded fashion."+note)
	set.Bool("storage-backup-dir-enabled", true, "Controls whether old durability files are kept."+note)
	set.Int("bolt-num-workers", 2, "Number of workers used by the Bolt server."+note)
	set.Int("bolt-session-inactivity-timeout", 1800, "Time in seconds after which inactive Bolt sessions will be closed."+note)
	set.String("monitoring-address", "0.0.0.0", "IP address on which the websocket server for Memgraph monitoring should listen."+note)
	set.Int("monitoring-port", 7444, "Port on which the websocket server for Memgraph monitoring should listen."+note)
	set.String("metrics-address", "0.0.0.0", "IP address on which the Memgraph server for exposing metrics should listen."+note)
	set.Int("metrics-port", 9091, "Port on which the Memgraph server for exposing metrics should listen."+note)
	set.Int("log-retention-days", 35, "Controls for how many days daily log files will be preserved."+note)
	set.Uint64("memory-warning-threshold", 1024, "Memory warning threshold, in MB."+note)
	set.String("query-modules-directory", "", "Directory where modules with custom query procedures are stored."+note)
	set.Bool("cartesian-product-enabled", true, "Enable cartesian product expansion."+note)
	set.String("isolation-level", "SNAPSHOT_ISOLATION", "Default isolation level used for the transactions."+note)
	set.Bool("schema-info-enabled", false, "Set to true to enable run-time schema info tracking."+note)
}

// options turns the command line into what the server needs.
func (f *flags) options(set *pflag.FlagSet, log *slog.Logger) (server.Options, error) {
	opts := f.Options
	opts.Log = log
	opts.SnapshotInterval = time.Duration(f.snapshotInterval) * time.Second
	opts.QueryTimeout = time.Duration(f.queryTimeout * float64(time.Second))
	opts.WALFileBytes = f.walFileKiB << 10
	opts.MemoryLimit = f.memoryLimitMiB << 20
	opts.CheckEvery = time.Duration(f.checkFrequency) * time.Second
	var err error
	if opts.Faults, err = f.faults(); err != nil {
		return opts, err
	}
	if opts.BoltTLS, err = f.tls(); err != nil {
		return opts, err
	}
	switch f.storageMode {
	case "IN_MEMORY_TRANSACTIONAL":
	case "IN_MEMORY_ANALYTICAL":
		opts.Analytical = true
	default:
		return opts, fmt.Errorf("--storage-mode: %q is not known here", f.storageMode)
	}
	switch f.edition {
	case "ee":
	case "ce":
		opts.Community = true
	default:
		return opts, fmt.Errorf("--standin-edition: %q is neither ee nor ce", f.edition)
	}
	if f.snapshotInterval < 0 || f.queryTimeout < 0 || f.walFileKiB < 0 || f.memoryLimitMiB < 0 || f.FlushEvery < 1 {
		return opts, fmt.Errorf("a flag that must be positive is negative")
	}
	set.VisitAll(func(flag *pflag.Flag) {
		if strings.HasPrefix(flag.Name, "standin-") || flag.Name == "help" {
			return
		}
		opts.Config = append(opts.Config, server.ConfigEntry{
			Name: strings.ReplaceAll(flag.Name, "-", "_"), Default: flag.DefValue, Current: flag.Value.String(),
			Description: flag.Usage,
		})
	})
	return opts, nil
}

// tls reads the certificate of the Bolt port, as Memgraph does once, at its start; nil if
// there is none.
func (f *flags) tls() (*tls.Config, error) {
	if f.certFile == "" && f.keyFile == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(f.certFile, f.keyFile)
	if err != nil {
		return nil, fmt.Errorf("--bolt-cert-file %q, --bolt-key-file %q: %w", f.certFile, f.keyFile, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}
