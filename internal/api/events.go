package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Times and bounds of streams.
const (
	lookEvery   = 100 * time.Millisecond // how often a stream asks whether something has changed
	lookAnew    = 50 * time.Millisecond  // how old an answer may be that streams share
	heartbeat   = 15 * time.Second       // what is silent for longer is dead
	readerSlow  = 5 * time.Second        // how long a reader may take to take what it is sent
	mostStreams = 32
)

// kinds of events, in the order they are told.
const (
	statusEvent = iota
	explainEvent
	historyEvent
	kinds
)

var eventNames = [kinds]string{"status", "explain", "history"}

// streams tell whoever listens how the replica stands: at once, and after each
// change. What changes again before it was told is told once, as it is then.
// However many listen, the replica is looked at once.
type streams struct {
	look func() (told, compared [kinds]any)
	most int32
	open atomic.Int32

	mu   sync.Mutex
	at   time.Time
	last [kinds]event
}

// event is something told, as it goes over the wire.
type event struct {
	number   uint64 // counts changes; 0: never looked
	frame    []byte
	compared []byte
}

// now returns the events as they are.
func (s *streams) now() ([kinds]event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.at) < lookAnew {
		return s.last, nil
	}
	told, compared := s.look()
	for i := range kinds {
		if err := s.last[i].update(eventNames[i], told[i], compared[i]); err != nil {
			return s.last, err
		}
	}
	s.at = time.Now()
	return s.last, nil
}

// update takes in what is to be told, if it is another thing than before.
func (e *event) update(name string, told, compared any) error {
	same, err := json.Marshal(compared)
	if err != nil {
		return fmt.Errorf("encode event %s: %w", name, err)
	}
	if bytes.Equal(same, e.compared) {
		return nil
	}
	data, err := json.Marshal(told)
	if err != nil {
		return fmt.Errorf("encode event %s: %w", name, err)
	}
	e.number++
	e.compared, e.frame = same, fmt.Appendf(nil, "event: %s\ndata: %s\n\n", name, data)
	return nil
}

// serve answers one who listens, until it or the server goes, or it is too slow.
func (s *streams) serve(w http.ResponseWriter, r *http.Request) {
	if s.open.Add(1) > s.most {
		s.open.Add(-1)
		w.Header().Set("Retry-After", "5")
		http.Error(w, fmt.Sprintf("%d others listen already; ask another replica, or /api/v1/status", s.most), http.StatusServiceUnavailable)
		return
	}
	defer s.open.Add(-1)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would keep events to itself
	if r.Method == http.MethodHead {
		return
	}
	out := wire{w, http.NewResponseController(w)}
	if out.send([]byte("retry: 1000\n\n")) != nil {
		return
	}
	s.tell(out, r)
}

// tell sends what is new until the reader is gone.
func (s *streams) tell(out wire, r *http.Request) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var seen [kinds]uint64
	spoke := time.Now()
	for {
		events, err := s.now()
		if err != nil {
			return
		}
		var news []byte
		for i, e := range events {
			if e.number != seen[i] {
				seen[i] = e.number
				news = append(news, e.frame...)
			}
		}
		if news == nil && time.Since(spoke) >= heartbeat {
			news = []byte(": still here\n\n")
		}
		if news != nil {
			if out.send(news) != nil {
				return
			}
			spoke = time.Now()
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

// wire is the way to one reader.
type wire struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// send sends b at once, or fails if the reader does not take it.
func (o wire) send(b []byte) error {
	_ = o.control.SetWriteDeadline(time.Now().Add(readerSlow)) // a recorder of tests has none
	if _, err := o.w.Write(b); err != nil {
		return fmt.Errorf("write to a listener: %w", err)
	}
	if err := o.control.Flush(); err != nil {
		return fmt.Errorf("write to a listener: %w", err)
	}
	return nil
}
