package memgraph

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	"memgraph-controller/internal/cluster"
)

const (
	// usageEvery is how often a node is asked what it occupies: often enough for whoever
	// scrapes, and seldom enough to cost a quiet node nothing.
	usageEvery = 5 * time.Second
	// maxUsage bounds that.
	maxUsage = 500 * time.Millisecond
	// unhurried is within what time a node must have answered all that matters, to be asked
	// about what does not.
	unhurried = 250 * time.Millisecond
)

// usage completes known, what a look that began then has learned in passing of what node n
// occupies. The rest is asked for now and then, over l, and is as of when it was.
func (n *node) usage(ctx context.Context, l *line, began time.Time, known cluster.Usage) cluster.Usage {
	now := time.Now()
	n.mu.Lock()
	before, due := n.occupies, now.Sub(n.counted) >= usageEvery && now.Sub(began) < unhurried && !l.broken
	if due {
		n.counted = now
	}
	n.mu.Unlock()
	if !due {
		return complete(known, before)
	}
	ctx, cancel := context.WithTimeout(ctx, maxUsage)
	defer cancel()
	if !known.Resident.Known {
		if a, err := l.ask(ctx, storageOfAll); err == nil {
			known = complete(known, parseUsage(a.rows))
		}
	}
	known.Transactions = l.transactions(ctx)
	n.mu.Lock()
	n.occupies = known
	n.mu.Unlock()
	return known
}

// spare has the node not asked about it for a while: it was just made to do something, and
// whoever did that waits for the next look.
func (n *node) spare() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.counted = time.Now()
}

// complete returns u with what it lacks taken from v.
func complete(u, v cluster.Usage) cluster.Usage {
	for _, f := range []struct {
		of *cluster.Figure
		or cluster.Figure
	}{
		{&u.Resident, v.Resident}, {&u.Tracked, v.Tracked}, {&u.Limit, v.Limit}, {&u.Disk, v.Disk}, {&u.Deltas, v.Deltas}, {&u.Transactions, v.Transactions},
	} {
		if !f.of.Known {
			*f.of = f.or
		}
	}
	return u
}

// parseUsage reads those rows of SHOW STORAGE INFO that say what is occupied. The plain
// form tells of the process; from 3.11 on the other one tells of the database alone.
func parseUsage(rows []map[string]any) cluster.Usage {
	var u cluster.Usage
	for _, row := range rows {
		value := row["value"]
		switch row["storage info"] {
		case "memory_res":
			u.Resident = size(value)
		case "memory_tracked":
			u.Tracked = size(value)
		case "allocation_limit", "memory_limit": // from 3.11 on the latter
			u.Limit = size(value)
		case "disk_usage":
			u.Disk = size(value)
		case "unreleased_delta_objects":
			if v, ok := integer(value); ok && v >= 0 {
				u.Deltas = cluster.Figure{Known: true, Value: v}
			}
		}
	}
	return u
}

// units are those of sizes (recorded on 3.6.2 and 3.12.0: 0B, 84.67KiB, 21.19GiB).
var units = []struct {
	suffix string
	bytes  float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"PiB", 1 << 50}, {"B", 1},
}

// size reads a number of bytes with its unit, or none. What cannot be read, "unlimited"
// too, is not known.
func size(v any) cluster.Figure {
	if n, ok := integer(v); ok && n >= 0 {
		return cluster.Figure{Known: true, Value: n}
	}
	text, _ := v.(string)
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(number, 64)
		if err != nil || n < 0 || n*u.bytes >= 1<<62 || math.IsNaN(n) {
			return cluster.Figure{}
		}
		return cluster.Figure{Known: true, Value: int64(n * u.bytes)}
	}
	return cluster.Figure{}
}
