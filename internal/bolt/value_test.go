package bolt

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestPackAndUnpack(t *testing.T) {
	for _, v := range []any{
		nil, true, false, int64(0), int64(-16), int64(-17), int64(127), int64(128), int64(1) << 62,
		"", "main", strings.Repeat("é", 200),
		[]any{},
		[]any{int64(1), "x", nil},
		map[string]any{"a": map[string]any{"b": []any{int64(-1)}}},
		Structure{byte(Run), []any{"q", map[string]any{}, map[string]any{}}},
	} {
		got, err := Unpack(AppendValue(nil, v))
		if err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("Unpack(pack(%v)) = %v, %v", v, got, err)
		}
	}
}

func TestUnpackWhatWeDoNotPack(t *testing.T) {
	for packed, want := range map[string]any{
		"\xC1\x3F\xE0\x00\x00\x00\x00\x00\x00": 0.5,
		"\xC8\x80":                             int64(-128),
		"\xC9\xFF\x00":                         int64(-256),
		"\xCA\x00\x01\x00\x00":                 int64(65536),
		"\xCC\x02ab":                           []byte("ab"),
		"\xD0\x02ab":                           "ab",
		"\xD1\x00\x02ab":                       "ab",
		"\xD4\x01\x01":                         []any{int64(1)},
		"\xD8\x01\x81a\xC0":                    map[string]any{"a": nil},
	} {
		if got, err := Unpack([]byte(packed)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Unpack(% x) = %#v, %v; want %#v", packed, got, err, want)
		}
	}
	for _, packed := range []string{
		"", "\x81", "\xD6\xFF\xFF\xFF\xFF", "\xDA\x7F\xFF\xFF\xFF\x81a", "\xCB\x00", "\xC4", "\xA1\x01\x01", "\x01\x01", "\xB1", strings.Repeat("\x91", 100) + "\x01",
	} {
		if got, err := Unpack([]byte(packed)); !errors.Is(err, ErrMalformed) {
			t.Errorf("Unpack(% x) = %v, %v; want an error", packed, got, err)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(AppendValue(nil, Structure{byte(Success), []any{map[string]any{"fields": []any{"replication role"}}}}))
	f.Add([]byte("\xD6\xFF\xFF\xFF\xFF"))
	f.Fuzz(func(t *testing.T, packed []byte) { checkUnpack(t, packed) })
}

func checkUnpack(t testing.TB, packed []byte) {
	t.Helper()
	v, err := Unpack(packed)
	if err != nil {
		return
	}
	if again, err := Unpack(AppendValue(nil, v)); !holdsBytesOrFloats(v) && (err != nil || !reflect.DeepEqual(again, v)) {
		t.Errorf("%v packed and unpacked is %v, %v", v, again, err)
	}
}

// holdsBytesOrFloats reports whether v holds what we read and never write.
func holdsBytesOrFloats(v any) bool {
	switch v := v.(type) {
	case []byte, float64:
		return true
	case []any:
		return slices.ContainsFunc(v, holdsBytesOrFloats)
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), holdsBytesOrFloats)
	case Structure:
		return slices.ContainsFunc(v.Fields, holdsBytesOrFloats)
	}
	return false
}
