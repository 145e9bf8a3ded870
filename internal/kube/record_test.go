package kube

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"memgraph-controller/internal/cluster"
)

// reign returns the record of an epoch.
func reign(epoch cluster.Epoch, main cluster.Ordinal) cluster.Record {
	return cluster.Record{
		Main: main, Epoch: epoch, Stage: cluster.Serving, Target: cluster.NoNode, Seat: cluster.NoNode,
		LastUpdated: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Version: "test",
	}
}

func configMap(data map[string]string) corev1.ConfigMap {
	return corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "state"}, Data: data}
}

// stored returns the ConfigMap as the API server has it.
func (w *world) stored() corev1.ConfigMap {
	w.t.Helper()
	var m corev1.ConfigMap
	if !w.object("configmaps", "state", &m) {
		w.t.Fatal("there is no ConfigMap")
	}
	return m
}

func TestRecordThatIsMissing(t *testing.T) {
	inWorld(t, func(w *world) {
		rec, version, err := w.Records(nil).Load(w.ctx)
		if rec != nil || version != "" || err != nil {
			t.Fatalf("Load with no ConfigMap = %v, %q, %v; want nil, empty, nil", rec, version, err)
		}
	})
}

func TestRecordOfThreeKeys(t *testing.T) {
	inWorld(t, func(w *world) {
		want := w.put("configmaps", configMap(map[string]string{"masterIndex": "2", "lastUpdated": "2025-01-02T03:04:05Z", "controllerVersion": "0.9"}))
		rec, version, err := w.Records(nil).Load(w.ctx)
		if err != nil || rec == nil || rec.Main != 2 || rec.Epoch != 0 || version != want {
			t.Fatalf("Load = %+v, %q, %v; want node 2, epoch 0, version %s", rec, version, err, want)
		}
	})
}

func TestRecordWithoutDataIsMissingButNotCreatedAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		m := configMap(nil)
		m.Annotations = map[string]string{RequestAnnotation: "adopt 1"}
		want := w.put("configmaps", m)
		rec, version, err := w.Records(nil).Load(w.ctx)
		if rec != nil || version != want || err != nil {
			t.Fatalf("Load of an empty ConfigMap = %v, %q, %v; want nil, %s, nil", rec, version, err, want)
		}
		if _, err := w.Records(nil).Swap(w.ctx, version, reign(1, 1)); err != nil {
			t.Fatal(err)
		}
		if got := w.stored(); got.Data["masterIndex"] != "1" || got.Annotations[RequestAnnotation] != "adopt 1" {
			t.Fatalf("stored %v with annotations %v; want the record beside the request", got.Data, got.Annotations)
		}
	})
}

func TestRecordIsCreatedChangedAndReadBack(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.Records(nil)
		first := reign(1, 0)
		first.Readers = []cluster.Ordinal{1}
		version, err := r.Swap(w.ctx, "", first)
		if err != nil {
			t.Fatal(err)
		}
		m := w.stored()
		if m.Data["masterIndex"] != "0" || m.Data["lastUpdated"] == "" || m.Data["controllerVersion"] != "test" || len(m.OwnerReferences) != 0 || m.ResourceVersion != version {
			t.Fatalf("created %+v; want the three keys, no owner, version %s", m, version)
		}
		next := reign(2, 1)
		version, err = r.Swap(w.ctx, version, next)
		if err != nil {
			t.Fatal(err)
		}
		if _, left := w.stored().Data["readers"]; left {
			t.Fatal("a key that says nothing any more is still there")
		}
		got, at, err := r.Load(w.ctx)
		if err != nil || at != version || !maps.Equal(got.Encode(), next.Encode()) {
			t.Fatalf("read back %v at %s, %v; want %v at %s", got, at, err, next, version)
		}
	})
}

// What a human asked to discard is written down, and taken away when it is over.
func TestADiscardIsKeptInTheRecord(t *testing.T) {
	inWorld(t, func(w *world) {
		r := w.Records(nil)
		next := reign(1, 0)
		next.Discards = []cluster.Discard{{Node: 1, Process: cluster.Process{ID: running, Boot: "boot-1"}}}
		version, err := r.Swap(w.ctx, "", next)
		if err != nil {
			t.Fatal(err)
		}
		rec, _, err := r.Load(w.ctx)
		if got := w.stored().Data["discard"]; err != nil || len(rec.Discards) != 1 || rec.Discards[0] != next.Discards[0] || rec.Foreign != nil {
			t.Fatalf("read back %+v, %v, from %q", rec, err, got)
		}
		next.Discards = nil
		if _, err := r.Swap(w.ctx, version, next); err != nil {
			t.Fatal(err)
		}
		if got, there := w.stored().Data["discard"]; there {
			t.Fatalf("a discard that is over is still there: %q", got)
		}
	})
}

func TestWhatOthersWroteSurvives(t *testing.T) {
	inWorld(t, func(w *world) {
		m := configMap(reign(1, 0).Encode())
		m.Data["theirs"] = "kept"
		m.BinaryData = map[string][]byte{"blob": {1, 2}}
		m.Labels, m.Annotations = map[string]string{"team": "x"}, map[string]string{"note": "y"}
		m.Finalizers = []string{"example.com/keep"}
		w.put("configmaps", m)
		r := w.Records(nil)
		rec, version, err := r.Load(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		next := *rec
		next.Epoch = 2
		if _, err := r.Swap(w.ctx, version, next); err != nil {
			t.Fatal(err)
		}
		got := w.stored()
		if got.Data["theirs"] != "kept" || len(got.BinaryData["blob"]) != 2 || got.Labels["team"] != "x" || got.Annotations["note"] != "y" || len(got.Finalizers) != 1 || got.Data["epoch"] != "2" {
			t.Fatalf("after a change: %+v; want epoch 2 and all of the others' things", got)
		}
	})
}

func TestBrokenRecordIsRefusedByNameAndNeverOverwritten(t *testing.T) {
	for key, value := range map[string]string{"masterIndex": "two", "epoch": "-1", "stage": "dancing", "promotable": "{", "lastUpdated": "yesterday"} {
		inWorld(t, func(w *world) {
			data := reign(3, 0).Encode()
			data[key] = value
			version := w.put("configmaps", configMap(data))
			rec, _, err := w.Records(nil).Load(w.ctx)
			var broken *cluster.RecordError
			if rec != nil || !errors.As(err, &broken) || broken.Key != key || !strings.Contains(err.Error(), "ns/state") {
				t.Fatalf("Load with %s=%q: %v, %v; want a RecordError that names the key and the ConfigMap", key, value, rec, err)
			}
			// As a loop that knows of no record would.
			if _, err := w.Records(nil).Swap(w.ctx, "", reign(1, 0)); !errors.Is(err, cluster.ErrConflict) {
				t.Fatalf("creating a record over a broken one: %v; want a conflict", err)
			}
			if got := w.stored(); got.ResourceVersion != version || got.Data[key] != value {
				t.Fatalf("the broken record was overwritten: %v", got.Data)
			}
		})
	}
}

func TestSwapOfAnOldVersionIsAConflict(t *testing.T) {
	inWorld(t, func(w *world) {
		old := w.put("configmaps", configMap(reign(1, 0).Encode()))
		w.put("configmaps", configMap(reign(2, 1).Encode()))
		if _, err := w.Records(nil).Swap(w.ctx, old, reign(2, 2)); !errors.Is(err, cluster.ErrConflict) {
			t.Fatalf("Swap of a version that is over: %v; want a conflict", err)
		}
		if got := w.stored().Data["masterIndex"]; got != "1" {
			t.Fatalf("masterIndex is %s after a conflict; want 1", got)
		}
		w.take("configmaps", "state")
		if _, err := w.Records(nil).Swap(w.ctx, old, reign(2, 2)); !errors.Is(err, cluster.ErrConflict) {
			t.Fatalf("Swap of a record that was deleted: %v; want a conflict", err)
		}
	})
}

func TestOfTwoThatCreateOneWins(t *testing.T) {
	inWorld(t, func(w *world) {
		errs := make(chan error, 2)
		for i, c := range []*Cluster{w.Cluster, w.controller("controller-b")} {
			go func() {
				_, err := c.Records(nil).Swap(w.ctx, "", reign(1, cluster.Ordinal(i)))
				errs <- err
			}()
		}
		a, b := <-errs, <-errs
		if (a == nil) == (b == nil) || !errors.Is(errors.Join(a, b), cluster.ErrConflict) {
			t.Fatalf("two that create: %v and %v; want one conflict", a, b)
		}
	})
}

func TestForbiddenRecordNamesVerbAndObject(t *testing.T) {
	for _, verb := range []string{"get", "create", "patch"} {
		inWorld(t, func(w *world) {
			version := ""
			if verb == "patch" {
				version = w.put("configmaps", configMap(reign(1, 0).Encode()))
			}
			w.deny(verb + " configmaps")
			_, _, err := w.Records(nil).Load(w.ctx)
			if verb != "get" {
				_, err = w.Records(nil).Swap(w.ctx, version, reign(1, 0))
			}
			if err == nil || errors.Is(err, cluster.ErrConflict) || !strings.Contains(err.Error(), "cannot "+verb+` resource "configmaps"`) || !strings.Contains(err.Error(), "Role") {
				t.Fatalf("without the right to %s: %v; want an error with verb, resource, and where to look", verb, err)
			}
		})
	}
}

// sighting is what a watch of the record has told.
type sighting struct {
	epoch cluster.Epoch
	none  bool
	uid   string
}

// watchRecord starts a watch and returns where it tells.
func (w *world) watchRecord() chan sighting {
	seen := make(chan sighting, 100)
	w.begin(func(ctx context.Context) {
		w.Records(nil).Watch(ctx, func(rec *cluster.Record, uid string) {
			if rec == nil {
				seen <- sighting{none: true, uid: uid}
			} else {
				seen <- sighting{epoch: rec.Epoch, uid: uid}
			}
		})
	})
	return seen
}

func TestWatchTellsWhatIsAndWhatComes(t *testing.T) {
	inWorld(t, func(w *world) {
		seen := w.watchRecord()
		if s := <-seen; !s.none {
			t.Fatalf("with no ConfigMap the watch tells %+v; want none", s)
		}
		w.put("configmaps", configMap(reign(1, 0).Encode()))
		first := <-seen
		w.put("configmaps", corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "other"}, Data: reign(9, 0).Encode()})
		w.take("configmaps", "state")
		gone := <-seen
		w.put("configmaps", configMap(reign(2, 0).Encode()))
		second := <-seen
		if first.epoch != 1 || first.uid == "" || !gone.none || second.epoch != 2 || second.uid == first.uid {
			t.Fatalf("the watch tells %+v, %+v, %+v; want epoch 1, none, epoch 2 with another uid", first, gone, second)
		}
	})
}

func TestWatchPassesOverABrokenRecord(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("configmaps", configMap(reign(1, 0).Encode()))
		seen := w.watchRecord()
		<-seen
		bad := reign(2, 0).Encode()
		bad["epoch"] = "many"
		for i := range 3 {
			bad["reason"] = strings.Repeat("x", i)
			w.put("configmaps", configMap(maps.Clone(bad)))
		}
		pass(time.Second)
		if len(seen) != 0 || w.log.lines("record cannot be read") != 1 || w.log.lines("epoch") != 1 {
			t.Fatalf("%d sightings of a broken record, and the log says:\n%s\nwant none, and one line with the key", len(seen), w.log)
		}
		w.put("configmaps", configMap(reign(3, 0).Encode()))
		if s := <-seen; s.epoch != 3 {
			t.Fatalf("after the repair: %+v; want epoch 3", s)
		}
	})
}
