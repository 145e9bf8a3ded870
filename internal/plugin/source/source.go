package source

import (
	"context"
	"time"

	"k8s.io/client-go/kubernetes"

	"memgraph-controller/internal/plugin/view"
)

// requestTimeout bounds one request; patience is how much longer the other
// controllers are waited for once the leader has answered.
const (
	requestTimeout = 5 * time.Second
	patience       = 250 * time.Millisecond
)

// Source is one namespace of one API server.
type Source struct {
	API       kubernetes.Interface
	Namespace string
	Host      string // of the API server, for messages
	Clock     Clock
	Caller    view.Caller // how the above was named
}

// Clock tells how far this machine's clock is ahead of the API server's, false if
// the server has not said what time it is.
type Clock interface {
	Ahead() (time.Duration, bool)
}

// Now is the time by the API server's clock, as far as it is known.
func (s Source) Now() time.Time {
	now := time.Now()
	if s.Clock == nil {
		return now
	}
	ahead, _ := s.Clock.Ahead()
	return now.Add(-ahead)
}

// within bounds one request.
func within(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return ask(ctx)
}
