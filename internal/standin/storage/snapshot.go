package storage

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"memgraph-controller/internal/standin/codec"
)

// SnapshotInfo describes a snapshot file.
type SnapshotInfo struct {
	Path    string
	LDT     uint64
	Created time.Time
	Size    int64
}

// snapshotMeta is the first frame of a snapshot, as JSON.
type snapshotMeta struct {
	UUID    string         `json:"uuid"`
	Lineage Lineage        `json:"lineage"`
	Nodes   int64          `json:"nodes"`
	Schema  []SchemaChange `json:"schema"`
}

// batch is how many bytes of nodes go into one frame.
const batch = 1 << 16

// writeSnapshot stores what the transaction sees.
func writeSnapshot(dir string, meta snapshotMeta, t *Txn) (path string, err error) {
	name := fmt.Sprintf("%s_timestamp_%d", stamp(time.Now()), meta.Lineage.LDT)
	path = filepath.Join(dir, name)
	file, err := os.OpenFile(path+".part", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return "", fmt.Errorf("create snapshot: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	out := bufio.NewWriterSize(file, 1<<18)
	err = encodeSnapshot(out, meta, t)
	err = errors.Join(err, out.Flush(), file.Sync(), file.Close())
	if err != nil {
		return "", fmt.Errorf("write snapshot %s: %w", name, err)
	}
	if err := os.Rename(path+".part", path); err != nil {
		return "", fmt.Errorf("create snapshot: %w", err)
	}
	return path, syncDir(dir)
}

func encodeSnapshot(out io.Writer, meta snapshotMeta, t *Txn) error {
	for range t.Nodes("") {
		meta.Nodes++
	}
	head, err := json.Marshal(meta)
	if err != nil {
		return fmt.Errorf("encode snapshot: %w", err)
	}
	if _, err := out.Write(appendFrame(nil, head)); err != nil {
		return err
	}
	w := codec.NewWriter(nil)
	flush := func() error {
		payload, err := w.Result()
		w = codec.NewWriter(nil)
		if err == nil {
			_, err = out.Write(appendFrame(nil, payload))
		}
		return err
	}
	for n := range t.Nodes("") {
		w.Int(n.ID)
		w.Strings(n.Labels)
		w.Map(n.Props)
		if w.Len() >= batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// readSnapshot loads a snapshot into a new graph.
func readSnapshot(path string) (snapshotMeta, *graph, *schema, error) {
	var meta snapshotMeta
	file, err := os.Open(path)
	if err != nil {
		return meta, nil, nil, fmt.Errorf("read snapshot: %w", err)
	}
	defer file.Close()
	in := readFrames(file, fileSize(file))
	head, err := in.next()
	if err == nil {
		err = json.Unmarshal(head, &meta)
	}
	if err != nil {
		return meta, nil, nil, fmt.Errorf("read snapshot %s: %w", path, err)
	}
	g := newGraph()
	for {
		payload, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return meta, nil, nil, fmt.Errorf("read snapshot %s: %w", path, err)
		}
		r := codec.NewReader(payload)
		for r.Rest() > 0 && r.Err() == nil {
			id, labels, props := r.Int(), r.Strings(), r.Map()
			if r.Err() == nil {
				g.put(id, meta.Lineage.LDT, labels, props, meta.Lineage.LDT)
			}
		}
		if err := r.Done(); err != nil {
			return meta, nil, nil, fmt.Errorf("read snapshot %s: %w", path, err)
		}
	}
	if g.live.Load() != meta.Nodes {
		return meta, nil, nil, fmt.Errorf("read snapshot %s: %d of %d nodes: %w", path, g.live.Load(), meta.Nodes, errTorn)
	}
	rules := &schema{}
	for _, c := range meta.Schema {
		rules.apply(c, g)
	}
	return meta, g, rules, nil
}

// listSnapshots returns the snapshots in dir, newest first.
func listSnapshots(dir string) ([]SnapshotInfo, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	var list []SnapshotInfo
	for _, e := range entries {
		_, ldt, ok := strings.Cut(e.Name(), "_timestamp_")
		n, err := strconv.ParseUint(ldt, 10, 64)
		if !ok || err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue
		}
		list = append(list, SnapshotInfo{filepath.Join(dir, e.Name()), n, info.ModTime(), info.Size()})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Path > list[j].Path })
	return list, nil
}
