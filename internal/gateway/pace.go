package gateway

import (
	"sync"
	"time"
)

// paceOver is of how many seconds a pace tells.
const paceOver = 5

// pace is how long servers took for their answers, over the last whole seconds. It
// allocates nothing.
type pace struct {
	mu    sync.Mutex
	began time.Time
	ring  [paceOver + 1]tally // those of the present second are not told yet
}

// tally counts the answers of one second.
type tally struct {
	second       int64 // counted from when the pace began
	count        int
	sum, longest time.Duration
}

func (p *pace) second(now time.Time) int64 { return int64(now.Sub(p.began) / time.Second) }

// note takes in an answer that was there at now, and took so long. It may come late, when
// its client did not read: then it counts with its second, as long as that is told of.
func (p *pace) note(now time.Time, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	second := p.second(now)
	at := &p.ring[second%int64(len(p.ring))]
	switch {
	case at.second > second:
		return
	case at.second < second:
		*at = tally{second: second}
	}
	at.count++
	at.sum += took
	at.longest = max(at.longest, took)
}

// lately returns how many answers there were, how long they took on the average, and
// the longest.
func (p *pace) lately(now time.Time) (count int, mean, longest time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var sum time.Duration
	present := p.second(now)
	for _, at := range p.ring {
		if at.second < present && at.second >= present-paceOver {
			count += at.count
			sum += at.sum
			longest = max(longest, at.longest)
		}
	}
	if count > 0 {
		mean = sum / time.Duration(count)
	}
	return count, mean, longest
}
