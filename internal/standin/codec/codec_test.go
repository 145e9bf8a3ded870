package codec

import (
	"bytes"
	"math"
	"reflect"
	"testing"
)

func TestValueRoundTrip(t *testing.T) {
	in := map[string]any{
		"null": nil, "yes": true, "no": false, "int": int64(-5), "big": int64(math.MinInt64),
		"float": 1.5, "text": "ä", "bytes": []byte{0, 1},
		"list": []any{int64(1), "two", []any{}}, "map": map[string]any{"k": []any{nil}},
	}
	var w Writer
	w.Uint(7)
	w.Map(in)
	w.Strings([]string{"a", ""})
	b, err := w.Result()
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(b)
	if got := r.Uint(); got != 7 {
		t.Errorf("Uint = %d", got)
	}
	if got := r.Map(); !reflect.DeepEqual(got, in) {
		t.Errorf("Map = %#v", got)
	}
	if got := r.Strings(); !reflect.DeepEqual(got, []string{"a", ""}) {
		t.Errorf("Strings = %q", got)
	}
	if err := r.Done(); err != nil {
		t.Error(err)
	}
}

func TestWriterRefusesForeignTypes(t *testing.T) {
	for _, v := range []any{int(1), struct{}{}, []string{"x"}} {
		var w Writer
		w.Value(v)
		if _, err := w.Result(); err == nil {
			t.Errorf("%T was accepted", v)
		}
	}
}

func TestTruncatedInputIsAnError(t *testing.T) {
	var w Writer
	w.Map(map[string]any{"k": []any{int64(1), 2.5, "x"}})
	whole, _ := w.Result()
	for n := range whole {
		r := NewReader(whole[:n])
		r.Map()
		if r.Err() == nil {
			t.Errorf("%d of %d bytes were accepted", n, len(whole))
		}
	}
}

func FuzzReader(f *testing.F) {
	var w Writer
	w.Map(map[string]any{"k": []any{int64(1), 2.5, "x", nil, true, []byte("b")}})
	seed, _ := w.Result()
	f.Add(seed)
	f.Add(bytes.Repeat([]byte{tagList, 1}, 100))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(b)
		v := r.Value()
		if r.Err() != nil {
			return
		}
		var w Writer
		w.Value(v)
		out, err := w.Result()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if again := NewReader(out).Value(); !sameValue(again, v) {
			t.Fatalf("%#v became %#v", v, again)
		}
	})
}

// sameValue is DeepEqual that also takes NaN for NaN.
func sameValue(a, b any) bool {
	var x, y Writer
	x.Value(a)
	y.Value(b)
	return bytes.Equal(x.buf, y.buf)
}
