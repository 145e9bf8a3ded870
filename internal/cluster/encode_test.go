package cluster

import (
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"
)

func fullRecord() Record {
	at := time.Date(2026, 11, 23, 9, 0, 0, 123e6, time.UTC)
	p := Process{ID: "7-1", Boot: "b"}
	return Record{
		Main: 2, LastUpdated: at, Version: "1.0", Epoch: 9, Stage: Promoting, Target: 1, MainProcess: p, UUID: "u",
		Seat: 0, Promotable: []Proof{{Node: 0, Process: p, UUID: "u"}}, Heirs: []Proof{{Node: 1, Process: p}},
		Joined: []Process{p, {}, p}, Replace: p, Stale: true, Databases: []string{"u", "v"}, Readers: []Ordinal{0, 1},
		Rebuilds: []Rebuild{{Node: 1, Process: p, Reason: "diverged"}}, Discards: []Discard{{Node: 2, Process: p}}, Paused: true, Leader: "c-0", Reason: "why",
		Held: at, Switchover: Switchover{Target: 1, ID: "switchover 1", Asked: at}, Request: Accepted{ID: "switchover 1", At: at, Answer: "yes"},
		History: []Reign{{Epoch: 8, Main: 1, Began: at, Reason: "why", Lost: true}, {Epoch: 9, Main: 2, Began: at, Reason: "why"}}, Foreign: map[string]string{"theirs": "kept"},
	}
}

func TestRecordSurvivesItsEncoding(t *testing.T) {
	for name, want := range map[string]Record{
		"full":  fullRecord(),
		"least": {Stage: Serving, Target: NoNode, Seat: NoNode, LastUpdated: time.Unix(0, 0).UTC()},
	} {
		got, err := Decode(want.Encode())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
	}
}

func TestThreeKeysMakeARecordThatPromisesNothing(t *testing.T) {
	got, err := Decode(map[string]string{"masterIndex": "1", "lastUpdated": "2025-10-01T08:00:00+02:00", "controllerVersion": "v0"})
	if err != nil {
		t.Fatal(err)
	}
	want := Record{Main: 1, LastUpdated: time.Date(2025, 10, 1, 6, 0, 0, 0, time.UTC), Version: "v0", Stage: Serving, Target: NoNode, Seat: NoNode}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestBrokenKeysAreNamed(t *testing.T) {
	good := fullRecord().Encode()
	for key, value := range map[string]string{
		keyMain: "one", keyLastUpdated: "yesterday", keyEpoch: "-1", keyStage: "resting", keyTarget: "-3", keySeat: "x",
		keyPaused: "maybe", keyStale: "2", keyMainProcess: "{", keyReplace: "7", keyPromotable: `[{"node":-1}]`, keyHeirs: `[{"node":-2}]`,
		keyJoined: "{}", keyDatabases: "u", keyReaders: "[-1]", keyRebuilds: `[{"node":-1}]`, keyHistory: "yes",
		keyDiscards: `[{"node":-1,"process":{"id":"7-1"}}]`, keyHeld: "just now", keyRequest: "[]",
		keySwitchover: `{"target":-1,"id":"x","asked":"2026-11-23T10:00:00Z"}`,
	} {
		data := maps.Clone(good)
		data[key] = value
		_, err := Decode(data)
		var bad *RecordError
		if !errors.As(err, &bad) || bad.Key != key || bad.Want == "" {
			t.Errorf("%s=%s: error %v, want a RecordError that names the key and what is accepted", key, value, err)
		}
	}
	for _, wish := range []string{"1", `{"target":1}`, `{"target":1,"id":"","asked":"2026-11-23T10:00:00Z"}`, `{"target":1,"id":"x"}`} {
		data := maps.Clone(good)
		data[keySwitchover] = wish
		var bad *RecordError
		if _, err := Decode(data); !errors.As(err, &bad) || bad.Key != keySwitchover {
			t.Errorf("switchover=%s: error %v, want a RecordError that names it", wish, err)
		}
	}
	for _, discard := range []string{"{}", `[{"node":1}]`, `[{"node":1,"process":{"id":"","boot":"b"}}]`} {
		data := maps.Clone(good)
		data[keyDiscards] = discard
		var bad *RecordError
		if _, err := Decode(data); !errors.As(err, &bad) || bad.Key != keyDiscards {
			t.Errorf("discard=%s: error %v, want a RecordError that names it", discard, err)
		}
	}
	delete(good, keyMain)
	if _, err := Decode(good); err == nil || !strings.Contains(err.Error(), keyMain) {
		t.Errorf("without masterIndex: error %v, want one that names it", err)
	}
}

// FuzzDecode looks for data that panics, or that is read as something else than
// it writes back.
func FuzzDecode(f *testing.F) {
	for k, v := range fullRecord().Encode() {
		f.Add(k, v)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		data := fullRecord().Encode()
		data[key] = value
		rec, err := Decode(data)
		if err != nil {
			return
		}
		again, err := Decode(rec.Encode())
		if err != nil {
			t.Fatalf("%s=%q was read, but not what it was written as: %v", key, value, err)
		}
		if !reflect.DeepEqual(again, rec) {
			t.Errorf("%s=%q:\n read %+v\nagain %+v", key, value, rec, again)
		}
		Decide(Input{Record: &rec, Policy: DefaultPolicy(), Topology: make(Topology, 3), Observation: Observation{Nodes: make([]Sighting, 3)}})
	})
}

func TestPolicyNamesWhatIsWrong(t *testing.T) {
	if err := DefaultPolicy().Validate(); err != nil {
		t.Fatalf("the default policy is refused: %v", err)
	}
	for want, edit := range map[string]func(*Policy){
		"fail-after":        func(p *Policy) { p.FailAfter = time.Millisecond },
		"standby-grace":     func(p *Policy) { p.StandbyGrace = -1 },
		"seat-wait":         func(p *Policy) { p.SeatWait = time.Minute },
		"quiesce-for":       func(p *Policy) { p.QuiesceFor = 0 },
		"bootstrap-timeout": func(p *Policy) { p.BootstrapTimeout = 0 },
		"max-lag":           func(p *Policy) { p.MaxLag = -1 },
		"max-lag-time":      func(p *Policy) { p.MaxLagTime = -1 },
		"durability":        func(p *Policy) { p.Durability = 7 },
	} {
		p := DefaultPolicy()
		edit(&p)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s out of range: error %v, want one that names it", want, err)
		}
	}
}

func TestParseVersion(t *testing.T) {
	for s, want := range map[string]Version{"3.12.0": {3, 12, 0}, "2.19.0+3~abc": {2, 19, 0}, "3.5": {3, 5, 0}, "3.6.2-rc1": {3, 6, 2}} {
		if got, err := ParseVersion(s); err != nil || got != want {
			t.Errorf("ParseVersion(%q) = %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "3", "a.b", "3.-1", "1.2.3.4", "3.99999999999999999999"} {
		if got, err := ParseVersion(s); err == nil {
			t.Errorf("ParseVersion(%q) = %v, want an error", s, got)
		}
	}
	if (Version{}).AtLeast(0, 0) {
		t.Error("an unknown version counts as new enough")
	}
}
