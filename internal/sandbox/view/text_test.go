package view

import (
	"slices"
	"testing"
	"unicode"

	"charm.land/lipgloss/v2"
)

func TestWrapLosesTheMiddleAndNeverTheEnd(t *testing.T) {
	for _, tt := range []struct {
		text         string
		width, lines int
		want         []string
	}{
		{"one two three", 20, 2, []string{"one two three"}},
		{"one two three", 8, 2, []string{"one two", "three"}},
		{"one two three four five six", 10, 2, []string{"one two", "… five six"}},
		{"one two three four five six", 10, 1, []string{"one two t…"}},
		{"incomprehensibilities", 10, 2, []string{"incompreh…"}},
		{"", 10, 2, []string{""}},
		{"a\x1b[31mb\nc", 10, 1, []string{"a [31mb c"}},
	} {
		if got := wrap(tt.text, tt.width, tt.lines); !slices.Equal(got, tt.want) {
			t.Errorf("wrap(%q, %d, %d) = %q; want %q", tt.text, tt.width, tt.lines, got, tt.want)
		}
	}
}

func FuzzWrap(f *testing.F) {
	f.Add("one two three", 8, 2)
	f.Add("ein\x1b[1mwort 你好 你好\u0301", 5, 3)
	f.Fuzz(func(t *testing.T, text string, width, lines int) {
		width, lines = width%200, lines%20
		if width < 0 {
			width = -width
		}
		got := wrap(text, width, lines)
		if len(got) > max(lines, 1) {
			t.Fatalf("%d lines; want at most %d", len(got), lines)
		}
		for _, l := range got {
			if w := lipgloss.Width(l); w > width {
				t.Fatalf("%q is %d wide; want at most %d", l, w, width)
			}
			if slices.ContainsFunc([]rune(l), unicode.IsControl) {
				t.Fatalf("%q steers the terminal", l)
			}
		}
	})
}
