package bolt

import (
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestPackStreamRoundTrip(t *testing.T) {
	long := make([]any, 70_000)
	for i := range long {
		long[i] = int64(i - 35_000)
	}
	wide := map[string]any{}
	for i := range 300 {
		wide[strings.Repeat("k", i)] = []any{nil, true}
	}
	values := []any{
		nil, true, false, 0.0, -1.5, math.Inf(1), math.MaxFloat64,
		int64(0), int64(127), int64(128), int64(-16), int64(-17), int64(-128), int64(-129),
		int64(32767), int64(32768), int64(-32768), int64(-32769), int64(math.MaxInt32), int64(math.MaxInt32 + 1),
		int64(math.MinInt32), int64(math.MinInt32 - 1), int64(math.MaxInt64), int64(math.MinInt64),
		"", "ä", strings.Repeat("x", 15), strings.Repeat("x", 16), strings.Repeat("x", 256), strings.Repeat("x", 70_000),
		[]byte{},
		[]byte{1, 2},
		make([]byte, 300), make([]byte, 70_000),
		[]any{},
		[]any{[]any{int64(1)}, "a"},
		long,
		map[string]any{},
		wide,
		Structure{Tag: 0x58, Fields: []any{int64(7203), 1.5}},
	}
	for _, v := range values {
		b, err := appendValue(nil, v, 5)
		if err != nil {
			t.Fatalf("encode %.40v: %v", v, err)
		}
		got, err := decode(b)
		if err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("%.40v came back as %.40v (%v)", v, got, err)
		}
		if _, err := decode(b[:len(b)-1]); err == nil {
			t.Errorf("%.40v without its last byte was decoded", v)
		}
		if _, err := decode(append(b, 0)); err == nil {
			t.Errorf("%.40v and another byte was decoded", v)
		}
	}
}

func TestPackStreamRejects(t *testing.T) {
	for name, data := range map[string]string{
		"nothing":              "",
		"unknown marker":       "\xC7",
		"huge list":            "\xD6\xFF\xFF\xFF\xFF\x01",
		"huge map":             "\xDA\xFF\xFF\xFF\xFF\x81a\x01",
		"huge string":          "\xD2\xFF\xFF\xFF\xFFa",
		"huge bytes":           "\xCE\xFF\xFF\xFF\xFFa",
		"number as a map key":  "\xA1\x01\x01",
		"nested too deeply":    strings.Repeat("\x91", maxDepth+2) + "\x01",
		"structure cut off":    "\xB2\x4E\x01",
		"structure of nothing": "\xB0",
	} {
		if v, err := decode([]byte(data)); err == nil {
			t.Errorf("%s was decoded as %v", name, v)
		}
	}
}

func TestDecodeAllocatesWhatIsThere(t *testing.T) {
	// Ten lists that claim 64 Ki elements each, in 30 bytes: nothing may be
	// allocated for the claim alone.
	data := []byte(strings.Repeat("\xD5\xFF\xFF", 10))
	allocated := testing.AllocsPerRun(10, func() {
		if _, err := decode(data); err == nil {
			t.Fatal("decoded a list that is not there")
		}
	})
	if allocated > 4 {
		t.Errorf("decoding made %v allocations; want next to none", allocated)
	}
}

func FuzzDecode(f *testing.F) {
	for _, v := range []any{nil, int64(-200), "text", []any{1.5, true}, map[string]any{"a": []byte{1}}, Structure{Tag: 1, Fields: []any{none}}} {
		b, err := appendValue(nil, v, 5)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := decode(data)
		if err != nil {
			return
		}
		b, err := appendValue(nil, v, 5)
		if err != nil {
			t.Fatalf("decoded %v cannot be encoded: %v", v, err)
		}
		again, err := decode(b)
		if err != nil {
			t.Fatalf("encoded %v cannot be decoded: %v", v, err)
		}
		b2, err := appendValue(nil, again, 5)
		if err != nil || len(b2) != len(b) {
			t.Fatalf("%v is not stable: %d then %d bytes (%v)", v, len(b), len(b2), err)
		}
	})
}
