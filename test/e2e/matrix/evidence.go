package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"memgraph-controller/test/e2e"
	"memgraph-controller/test/e2e/register"
)

// tell tells findings at once, with what the release looks like, and keeps the logs
// of all its containers and the record: it is removed next.
func (m *Runner) tell(ctx context.Context, c Combination, began time.Time, s *Sample) {
	for _, f := range s.Findings {
		fmt.Fprintf(m.Progress, "FINDING %s at %s: %s\n", c, began.UTC().Format(time.TimeOnly), f)
	}
	look := m.release.Diagnose(ctx)
	fmt.Fprintf(m.Progress, "release now:\n%s", look)
	dir, err := m.evidence(strings.ReplaceAll(c.String(), "/", "-") + "-" + began.UTC().Format("150405"))
	if err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(dir, "diagnose.txt"), []byte(look), 0o600), m.keepLogs(ctx, dir), m.keepRecord(ctx, dir))
	}
	if err != nil {
		fmt.Fprintf(m.Progress, "evidence is not complete: %v\n", err)
	}
	fmt.Fprintf(m.Progress, "evidence: %s\n", dir)
}

// evidence makes a directory of the name in the one of this run.
func (m *Runner) evidence(name string) (string, error) {
	if m.dir == "" {
		dir, err := os.MkdirTemp("", "faults-")
		if err != nil {
			return "", fmt.Errorf("keep evidence: %w", err)
		}
		m.dir = dir
	}
	dir := filepath.Join(m.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("keep evidence: %w", err)
	}
	return dir, nil
}

// keepLogs keeps the log of every container, and of the one before it.
func (m *Runner) keepLogs(ctx context.Context, dir string) error {
	var failed error
	for _, component := range []string{e2e.Controller, e2e.Memgraph} {
		pods, err := m.release.Pods(ctx, component)
		failed = errors.Join(failed, err)
		for _, p := range pods {
			for _, previous := range []bool{false, true} {
				text, err := m.Place.API.CoreV1().Pods(m.release.Namespace).GetLogs(p.Name, &corev1.PodLogOptions{Container: component, Previous: previous}).DoRaw(ctx)
				if err != nil {
					continue // there was none before, or it never ran; Diagnose tells
				}
				name := p.Name + ".log"
				if previous {
					name = p.Name + ".previous.log"
				}
				failed = errors.Join(failed, os.WriteFile(filepath.Join(dir, name), text, 0o600))
			}
		}
	}
	return failed
}

func (m *Runner) keepRecord(ctx context.Context, dir string) error {
	record, err := m.release.Record(ctx)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return fmt.Errorf("keep the record: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, "record.json"), text, 0o600)
}

// keepHistory keeps the operations of registers that cannot be explained.
func (m *Runner) keepHistory(history []register.Operation) error {
	dir, err := m.evidence("registers-" + time.Now().UTC().Format("150405"))
	if err != nil {
		return err
	}
	var lines strings.Builder
	encode := json.NewEncoder(&lines)
	for _, o := range history {
		if err := encode.Encode(o); err != nil {
			return fmt.Errorf("keep the history: %w", err)
		}
	}
	fmt.Fprintf(m.Progress, "evidence: %s\n", dir)
	return os.WriteFile(filepath.Join(dir, "history.jsonl"), []byte(lines.String()), 0o600)
}
