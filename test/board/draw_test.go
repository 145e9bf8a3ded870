//go:build board

package board

import (
	"cmp"
	"fmt"
	"html"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Sizes of the page in pixels.
const (
	width  = 1440
	column = width / 24
	row    = 30
	gap    = 6
)

var colours = []string{"#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#37872d", "#8ab8ff", "#fade2a", "#ca95e5"}

var named = map[string]string{"blue": "#3274d9", "green": "#37872d", "red": "#c4162a", "orange": "#e0752d", "yellow": "#b8a000"}

const style = `<!doctype html><meta charset="utf-8"><style>
body{margin:0;background:#111217;color:#ccccdc;font:12px/1.3 "DejaVu Sans",sans-serif}
.p{position:absolute;background:#181b1f;border:1px solid #2c3235;border-radius:2px;box-sizing:border-box;overflow:hidden}
h2{font-size:12px;font-weight:500;margin:5px 8px 2px;white-space:nowrap}
.stat{position:absolute;left:0;right:0;top:24px;bottom:0;display:flex;align-items:center;justify-content:center;font-size:22px;color:#fff;text-align:center}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:3px 8px;border-bottom:1px solid #2c3235;white-space:nowrap}th{color:#6e9fff;font-weight:500}
svg{display:block}.l{padding:0 8px;max-height:30px;overflow:hidden;font-size:10px}.l i{display:inline-block;width:10px;height:3px;margin:0 4px 3px 0}.l span{margin-right:10px;white-space:nowrap}
.none{padding:30px 0;text-align:center;color:#888}
</style>`

// draw returns the page, and its size as Chromium wants it.
func (b board) draw(from, to time.Time) (page, size string) {
	var w strings.Builder
	w.WriteString(style)
	bottom := 0
	for _, p := range b.Panels {
		g := p.GridPos
		bottom = max(bottom, (g.Y+g.H)*row)
		fmt.Fprintf(&w, `<div class="p" style="left:%dpx;top:%dpx;width:%dpx;height:%dpx"><h2>%s</h2>`,
			g.X*column+gap/2, g.Y*row+gap/2, g.W*column-gap, g.H*row-gap, html.EscapeString(p.Title))
		switch p.Type {
		case "stat":
			p.stat(&w)
		case "table":
			p.table(&w)
		default:
			p.graph(&w, from, to)
		}
		w.WriteString("</div>\n")
	}
	return w.String(), fmt.Sprintf("%d,%d", width, bottom)
}

var label = regexp.MustCompile(`{{\s*(\w+)\s*}}`)

// legend names a series as the target wants it.
func legend(format string, labels map[string]string) string {
	if format == "" {
		var all []string
		for _, k := range slices.Sorted(maps.Keys(labels)) {
			all = append(all, labels[k])
		}
		return strings.Join(all, " ")
	}
	return label.ReplaceAllStringFunc(format, func(m string) string { return labels[label.FindStringSubmatch(m)[1]] })
}

func (p *panel) stat(w *strings.Builder) {
	d := p.FieldConfig.Defaults
	if len(p.found[0]) == 0 {
		fmt.Fprintf(w, `<div class="stat">%s</div>`, html.EscapeString(d.NoValue))
		return
	}
	s := p.found[0][0]
	value := s.points[len(s.points)-1].value
	text, colour := show(value, d.Unit), "blue"
	for _, t := range d.Thresholds.Steps {
		if t.Value == nil || value >= *t.Value {
			colour = t.Color
		}
	}
	for _, m := range d.Mappings {
		if o, ok := m.Options[fmt.Sprint(value)]; ok {
			text, colour = o.Text, o.Color
		}
	}
	if p.Options.TextMode == "name" {
		text = legend(p.Targets[0].LegendFormat, s.labels)
	}
	fmt.Fprintf(w, `<div class="stat" style="background:%s">%s</div>`, named[colour], html.EscapeString(text))
}

// table joins what the targets have found by node, in the order of the board.
func (p *panel) table(w *strings.Builder) {
	rows, keys := map[string]map[string]string{}, []string{}
	for i, list := range p.found {
		for j, s := range list {
			key := s.labels["node"]
			if len(p.Targets) == 1 {
				key = fmt.Sprint(j)
			}
			if rows[key] == nil {
				rows[key], keys = map[string]string{}, append(keys, key)
			}
			maps.Copy(rows[key], s.labels)
			rows[key]["Value #"+p.Targets[i].RefID] = show(s.points[0].value, "none")
		}
	}
	if len(rows) == 0 {
		w.WriteString(`<div class="none">nothing</div>`)
		return
	}
	last := p.Transformations[len(p.Transformations)-1].Options
	columns := slices.SortedFunc(maps.Keys(last.IndexByName), func(a, b string) int { return cmp.Compare(last.IndexByName[a], last.IndexByName[b]) })
	columns = slices.DeleteFunc(columns, func(c string) bool { return last.ExcludeByName[c] })
	w.WriteString("<table><tr>")
	for _, c := range columns {
		fmt.Fprintf(w, "<th>%s</th>", html.EscapeString(cmp.Or(last.RenameByName[c], c)))
	}
	slices.Sort(keys)
	for _, k := range keys {
		w.WriteString("</tr><tr>")
		for _, c := range columns {
			fmt.Fprintf(w, "<td>%s</td>", html.EscapeString(rows[k][c]))
		}
	}
	w.WriteString("</tr></table>")
}

// line is a series with its name, ready to be drawn.
type line struct {
	name   string
	points []point
}

func (p *panel) lines() []line {
	var list []line
	for i, found := range p.found {
		for _, s := range found {
			list = append(list, line{legend(p.Targets[i].LegendFormat, s.labels), s.points})
		}
	}
	slices.SortStableFunc(list, func(a, b line) int { return cmp.Compare(a.name, b.name) })
	return list
}

// graph draws time series: lines, or bars that may stand on each other.
func (p *panel) graph(w *strings.Builder, from, to time.Time) {
	lines := p.lines()
	if len(lines) == 0 {
		w.WriteString(`<div class="none">nothing</div>`)
		return
	}
	d := p.FieldConfig.Defaults
	bars, stacked := d.Custom.DrawStyle == "bars", d.Custom.Stacking.Mode == "normal"
	wide, high := p.GridPos.W*column-gap-2, p.GridPos.H*row-gap-2-24-34
	left, bottom := 52, high-16
	low, top := scale(lines, stacked, d.Min, d.Max)
	x := func(at time.Time) float64 {
		return float64(left) + float64(wide-left-8)*at.Sub(from).Seconds()/to.Sub(from).Seconds()
	}
	y := func(v float64) float64 { return float64(bottom) - float64(bottom-6)*(v-low)/(top-low) }
	fmt.Fprintf(w, `<svg width="%d" height="%d" font-size="10" fill="#9a9aa5">`, wide, high)
	for i := range 4 {
		v := low + (top-low)*float64(i)/3
		fmt.Fprintf(w, `<path d="M%d %.1fH%d" stroke="#2c3235"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`, left, y(v), wide-8, left-5, y(v)+3, show(v, d.Unit))
		at := from.Add(to.Sub(from) * time.Duration(i) / 4)
		fmt.Fprintf(w, `<text x="%.1f" y="%d">%s</text>`, x(at), high-3, at.Format("15:04:05"))
	}
	stack := map[int64]float64{}
	for i, l := range lines {
		colour := colours[i%len(colours)]
		if bars {
			for _, q := range l.points {
				base := 0.0
				if stacked {
					base = stack[q.at.UnixMilli()]
					stack[q.at.UnixMilli()] += q.value
				}
				fmt.Fprintf(w, `<rect x="%.1f" y="%.1f" width="4" height="%.1f" fill="%s" fill-opacity=".8"/>`, x(q.at)-2, y(base+q.value), max(0, y(base)-y(base+q.value)), colour)
			}
			continue
		}
		var path strings.Builder
		for j, q := range l.points {
			verb := "L"
			if j == 0 || q.at.Sub(l.points[j-1].at) > 3*step/2 {
				verb = "M"
			}
			fmt.Fprintf(&path, "%s%.1f %.1f", verb, x(q.at), y(q.value))
		}
		fmt.Fprintf(w, `<path d="%s" fill="none" stroke="%s" stroke-width="1.3"/>`, path.String(), colour)
	}
	w.WriteString(`</svg><div class="l">`)
	for i, l := range lines {
		fmt.Fprintf(w, `<span><i style="background:%s"></i>%s</span>`, colours[i%len(colours)], html.EscapeString(l.name))
	}
	w.WriteString("</div>")
}

// scale returns the range of values that is drawn.
func scale(lines []line, stacked bool, lowest, highest *float64) (low, top float64) {
	low, top = math.Inf(1), math.Inf(-1)
	sums := map[int64]float64{}
	for _, l := range lines {
		for _, q := range l.points {
			sums[q.at.UnixMilli()] += q.value
			low, top = min(low, q.value), max(top, q.value)
		}
	}
	if stacked {
		low = 0
		for _, v := range sums {
			top = max(top, v)
		}
	}
	if lowest != nil {
		low = min(low, *lowest)
	}
	if highest != nil {
		top = max(top, *highest)
	}
	if top <= low {
		top = low + 1
	}
	return low, top + (top-low)/20
}

// show writes a value as Grafana would with this unit.
func show(v float64, unit string) string {
	scaled := func(by float64, suffixes ...string) string {
		i := 0
		for ; math.Abs(v) >= by && i < len(suffixes)-1; i++ {
			v /= by
		}
		return short(v) + suffixes[i]
	}
	switch unit {
	case "s":
		switch {
		case v == 0:
			return "0 s"
		case math.Abs(v) < .001:
			return short(v*1e6) + " µs"
		case math.Abs(v) < 1:
			return short(v*1000) + " ms"
		}
		return short(v) + " s"
	case "percentunit":
		return short(v*100) + "%"
	case "bytes":
		return scaled(1024, " B", " KiB", " MiB", " GiB", " TiB")
	case "Bps":
		return scaled(1000, " B/s", " kB/s", " MB/s")
	case "short":
		return scaled(1000, "", " K", " Mil")
	case "reqps":
		return short(v) + " req/s"
	}
	return short(v)
}

func short(v float64) string {
	digits := 2
	if math.Abs(v) >= 10 {
		digits = 1
	}
	text := fmt.Sprintf("%.*f", digits, v)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
