package cluster

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// The keys of the record. The first three are fixed: earlier deployments of this
// kind have them, and a record with these alone is accepted.
const (
	keyMain        = "masterIndex"
	keyLastUpdated = "lastUpdated"
	keyVersion     = "controllerVersion"

	keyEpoch       = "epoch"
	keyStage       = "stage"
	keyTarget      = "target"
	keyMainProcess = "mainProcess"
	keyUUID        = "databaseUUID"
	keySeat        = "standbySeat"
	keyPromotable  = "promotable"
	keyHeirs       = "heirs"
	keyJoined      = "joined"
	keyReplace     = "replace"
	keyDatabases   = "databases"
	keyStale       = "stale"
	keyReaders     = "readers"
	keyRebuilds    = "rebuild"
	keyDiscards    = "discard"
	keyPaused      = "paused"
	keyHeld        = "heldSince"
	keySwitchover  = "switchover"
	keyRequest     = RequestKey
	keyLeader      = "leader"
	keyReason      = "reason"
	keyHistory     = "history"
)

// RequestKey is the key of the request that was granted last.
const RequestKey = "request"

// Keys returns the keys of the record that are ours, fixed ones included.
func Keys() []string {
	return []string{
		keyMain, keyLastUpdated, keyVersion, keyEpoch, keyStage, keyTarget, keyMainProcess, keyUUID, keySeat,
		keyPromotable, keyHeirs, keyJoined, keyReplace, keyDatabases, keyStale, keyReaders, keyRebuilds, keyDiscards, keyPaused,
		keyHeld, keySwitchover, keyRequest, keyLeader, keyReason, keyHistory,
	}
}

// timeFormat is RFC 3339 in UTC with milliseconds.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// RecordError says which key of a record cannot be read. Such a record is never
// overwritten.
type RecordError struct {
	Key, Value, Want string
}

// Error names the key, the value and what is accepted.
func (e *RecordError) Error() string {
	return fmt.Sprintf("record key %s is %q: want %s; correct it, or delete the record to bootstrap again", e.Key, e.Value, e.Want)
}

// Encode returns the record as the data of a ConfigMap: keys that say nothing
// are left out, foreign keys are kept.
func (r Record) Encode() map[string]string {
	data := maps.Clone(r.Foreign)
	if data == nil {
		data = map[string]string{}
	}
	data[keyMain] = strconv.Itoa(int(r.Main))
	data[keyLastUpdated] = r.LastUpdated.UTC().Format(timeFormat)
	data[keyVersion] = r.Version
	data[keyEpoch] = strconv.FormatUint(uint64(r.Epoch), 10)
	data[keyStage] = r.Stage.String()
	put := func(key, value string, unless bool) {
		if !unless {
			data[key] = value
		}
	}
	put(keyTarget, strconv.Itoa(int(r.Target)), r.Target == NoNode)
	put(keySeat, strconv.Itoa(int(r.Seat)), r.Seat == NoNode)
	put(keyUUID, r.UUID, r.UUID == "")
	put(keyLeader, r.Leader, r.Leader == "")
	put(keyReason, r.Reason, r.Reason == "")
	put(keyPaused, "true", !r.Paused)
	put(keyStale, "true", !r.Stale)
	put(keyHeld, r.Held.UTC().Format(timeFormat), r.Held.IsZero())
	put(keySwitchover, toJSON(r.Switchover), !r.Switchover.Wanted())
	put(keyRequest, r.Request.String(), r.Request == Accepted{})
	put(keyMainProcess, toJSON(r.MainProcess), r.MainProcess == Process{})
	put(keyReplace, toJSON(r.Replace), r.Replace == Process{})
	put(keyPromotable, toJSON(r.Promotable), len(r.Promotable) == 0)
	put(keyHeirs, toJSON(r.Heirs), len(r.Heirs) == 0)
	put(keyJoined, toJSON(r.Joined), len(r.Joined) == 0)
	put(keyDatabases, toJSON(r.Databases), len(r.Databases) == 0)
	put(keyReaders, toJSON(r.Readers), len(r.Readers) == 0)
	put(keyRebuilds, toJSON(r.Rebuilds), len(r.Rebuilds) == 0)
	put(keyDiscards, toJSON(r.Discards), len(r.Discards) == 0)
	put(keyHistory, toJSON(r.History), len(r.History) == 0)
	return data
}

// toJSON encodes plain data, which cannot fail.
func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("cluster: encode %T: %v", v, err))
	}
	return string(b)
}

// Decode reads a record from the data of a ConfigMap. Its error is a
// *RecordError. The three fixed keys alone make a record of epoch 0 that serves
// and promises nothing yet.
func Decode(data map[string]string) (Record, error) {
	d := decoder{left: maps.Clone(data)}
	r := Record{
		Main:        Ordinal(d.integer(keyMain, true, 0)),
		LastUpdated: d.time(keyLastUpdated),
		Version:     d.take(keyVersion),
		Epoch:       Epoch(d.unsigned(keyEpoch)),
		Stage:       d.stage(keyStage),
		Target:      Ordinal(d.integer(keyTarget, false, int(NoNode))),
		Seat:        Ordinal(d.integer(keySeat, false, int(NoNode))),
		UUID:        d.take(keyUUID),
		Leader:      d.take(keyLeader),
		Reason:      d.take(keyReason),
		Paused:      d.boolean(keyPaused),
		Held:        d.time(keyHeld),
		Stale:       d.boolean(keyStale),
	}
	d.json(keyMainProcess, &r.MainProcess, "a process as JSON")
	d.json(keyReplace, &r.Replace, "a process as JSON")
	d.json(keyPromotable, &r.Promotable, "a list of proofs as JSON")
	d.json(keyHeirs, &r.Heirs, "a list of proofs as JSON")
	d.json(keyJoined, &r.Joined, "a list of processes as JSON")
	d.json(keyDatabases, &r.Databases, "a list of uuids as JSON")
	d.json(keyReaders, &r.Readers, "a list of ordinals as JSON")
	d.json(keyRebuilds, &r.Rebuilds, "a list of rebuilds as JSON")
	d.json(keyDiscards, &r.Discards, discardsForm)
	d.json(keyHistory, &r.History, "a list of reigns as JSON")
	d.json(keySwitchover, &r.Switchover, switchoverForm)
	d.json(keyRequest, &r.Request, "a granted request as JSON")
	d.ordinals(&r)
	if w := r.Switchover; w != (Switchover{}) && (w.Target < 0 || w.ID == "" || w.Asked.IsZero()) {
		d.fail(keySwitchover, toJSON(w), switchoverForm)
	}
	if d.err != nil {
		return Record{}, d.err
	}
	r = r.tidy()
	if len(d.left) > 0 {
		r.Foreign = d.left
	}
	return r, nil
}

const discardsForm = `a list of nodes and processes as JSON, like [{"node":1,"process":{"id":"uid/0123456789ab"}}]`

const switchoverForm = `a wish as JSON, like {"target":1,"id":"switchover 1","asked":"2026-11-23T10:00:00Z"}`

// tidy makes empty lists nil, so that equal records are equal values.
func (r Record) tidy() Record {
	r.Promotable, r.Heirs, r.Joined = orNil(r.Promotable), orNil(r.Heirs), orNil(r.Joined)
	r.Databases = orNil(r.Databases)
	r.Readers, r.Rebuilds, r.Discards, r.History = orNil(r.Readers), orNil(r.Rebuilds), orNil(r.Discards), orNil(r.History)
	r.Switchover.Asked, r.Request.At = r.Switchover.Asked.UTC(), r.Request.At.UTC()
	return r
}

func orNil[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

// decoder takes keys from a record and keeps the first error.
type decoder struct {
	left map[string]string
	err  error
}

func (d *decoder) fail(key, value, want string) {
	if d.err == nil {
		d.err = &RecordError{Key: key, Value: value, Want: want}
	}
}

func (d *decoder) take(key string) string {
	v := d.left[key]
	delete(d.left, key)
	return v
}

func (d *decoder) integer(key string, required bool, absent int) int {
	v, ok := d.left[key]
	delete(d.left, key)
	if !ok && !required {
		return absent
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		d.fail(key, v, "an ordinal: 0, 1, 2 …")
	}
	return n
}

func (d *decoder) unsigned(key string) uint64 {
	v := d.take(key)
	if v == "" {
		return 0
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		d.fail(key, v, "a number")
	}
	return n
}

func (d *decoder) boolean(key string) bool {
	switch v := d.take(key); v {
	case "true":
		return true
	case "", "false":
		return false
	default:
		d.fail(key, v, "true or false")
		return false
	}
}

func (d *decoder) time(key string) time.Time {
	v := d.take(key)
	if v == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, v)
	if err != nil {
		d.fail(key, v, "a time as RFC 3339, like 2026-11-23T10:00:00Z")
	}
	return t.UTC().Truncate(time.Millisecond) // what Encode writes
}

func (d *decoder) stage(key string) Stage {
	v := d.take(key)
	if v == "" {
		return Serving
	}
	for s := Serving; s <= Promoting; s++ {
		if s.String() == v {
			return s
		}
	}
	d.fail(key, v, "serving, quiescing, demoting or promoting")
	return 0
}

func (d *decoder) json(key string, into any, want string) {
	v := d.take(key)
	if v == "" {
		return
	}
	if err := json.Unmarshal([]byte(v), into); err != nil {
		d.fail(key, v, want)
	}
}

// ordinals refuses lists that name a node with a negative number, and a discard
// that cannot be told from one that was carried out.
func (d *decoder) ordinals(r *Record) {
	negative := func(n Ordinal) bool { return n < 0 }
	of := func(p Proof) bool { return p.Node < 0 }
	switch {
	case slices.ContainsFunc(r.Promotable, of):
		d.fail(keyPromotable, toJSON(r.Promotable), "ordinals of 0 or more")
	case slices.ContainsFunc(r.Heirs, of):
		d.fail(keyHeirs, toJSON(r.Heirs), "ordinals of 0 or more")
	case slices.ContainsFunc(r.Readers, negative):
		d.fail(keyReaders, toJSON(r.Readers), "ordinals of 0 or more")
	case slices.ContainsFunc(r.Rebuilds, func(b Rebuild) bool { return b.Node < 0 }):
		d.fail(keyRebuilds, toJSON(r.Rebuilds), "ordinals of 0 or more")
	case slices.ContainsFunc(r.Discards, func(w Discard) bool { return w.Node < 0 || !w.Process.Known() }):
		d.fail(keyDiscards, toJSON(r.Discards), discardsForm)
	}
}
