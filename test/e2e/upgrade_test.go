//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Earlier deployments of this kind wrote three keys. Such a record is taken over,
// and what others put beside it stays.
func TestUpgradeOfAThreeKeyRecord(t *testing.T) {
	r := shared(t)
	underWrites(t, r, func(*Load) {
		before := get(t, r.Record)
		must(t, r.Scale(t.Context(), 0))
		m := get(t, r.Record)
		m.Data = map[string]string{
			"masterIndex": before.Data["masterIndex"], "lastUpdated": "2024-05-01T12:00:00Z", "controllerVersion": "0.9.3",
			"a-foreign-key": "stays",
		}
		_, err := place.API.CoreV1().ConfigMaps(r.Namespace).Update(t.Context(), m, metav1.UpdateOptions{})
		must(t, err)
		must(t, r.Scale(t.Context(), 3))
		must(t, r.Settle(t.Context(), settled))
		after := get(t, r.Record)
		if after.Data["masterIndex"] != before.Data["masterIndex"] || after.Data["a-foreign-key"] != "stays" || after.Data["controllerVersion"] == "0.9.3" {
			t.Errorf("taken over as %v", after.Data)
		}
	})
}

// A value that cannot be read is refused by its key's name and never overwritten.
func TestBrokenRecordIsRefusedAndNotOverwritten(t *testing.T) {
	r := shared(t)
	underWrites(t, r, func(*Load) {
		before := get(t, r.Record)
		patch(t, r, "masterIndex", "two")
		must(t, Until(t.Context(), 30*time.Second, "a log line that names the key", func(ctx context.Context) error {
			if log, err := r.Logs(ctx, Controller); err != nil || !has(log, "masterIndex", "two") {
				return fmt.Errorf("no such line: %w", err)
			}
			return nil
		}))
		time.Sleep(2 * time.Second)
		if m := get(t, r.Record); m.Data["masterIndex"] != "two" {
			t.Errorf("overwritten with %q", m.Data["masterIndex"])
		}
		patch(t, r, "masterIndex", before.Data["masterIndex"])
	})
}

// The way back: without the record a controller only bootstraps again.
func TestRollbackByDeletingTheConfigMap(t *testing.T) {
	r := shared(t)
	underWrites(t, r, func(*Load) {
		before := get(t, r.Record)
		must(t, r.Scale(t.Context(), 0))
		must(t, forget(t.Context(), r))
		must(t, r.Scale(t.Context(), 3))
		rewritten(t, r, before)
	})
}

func patch(t *testing.T, r *Release, key, value string) {
	t.Helper()
	data := fmt.Sprintf(`{"data":{%q:%q}}`, key, value)
	_, err := place.API.CoreV1().ConfigMaps(r.Namespace).Patch(t.Context(), r.ConfigMap, types.MergePatchType, []byte(data), metav1.PatchOptions{})
	must(t, err)
}
