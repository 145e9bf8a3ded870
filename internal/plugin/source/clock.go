package source

import (
	"net/http"
	"sync"
	"time"
)

// DateClock reads the API server's clock from the Date of its answers.
type DateClock struct {
	mu    sync.Mutex
	ahead time.Duration
	known bool
}

// Coarse is how exact a Date is: whole seconds, and the way of the answer.
const Coarse = 2 * time.Second

// Ahead implements Clock. What a Date cannot tell from nothing is nothing.
func (c *DateClock) Ahead() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ahead.Abs() < Coarse {
		return 0, c.known
	}
	return c.ahead, c.known
}

// Wrap returns a transport that notes the Date of each answer of next.
func (c *DateClock) Wrap(next http.RoundTripper) http.RoundTripper {
	return transport(func(r *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		if err == nil {
			c.note(resp.Header.Get("Date"), time.Now())
		}
		return resp, err
	})
}

// note compares an answer's Date with now. A Date is cut off to the second.
func (c *DateClock) note(date string, now time.Time) {
	told, err := http.ParseTime(date)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead, c.known = now.Sub(told.Add(500*time.Millisecond)), true
}

type transport func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }
