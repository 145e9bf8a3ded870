package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"memgraph-controller/internal/app"
	"memgraph-controller/internal/cluster"
)

// Replica is a controller replica as the API shows it.
type Replica interface {
	Status() app.Status
	Opinion(ctx context.Context, n cluster.Ordinal, newest cluster.Epoch) cluster.Opinion
}

// Options is what a Server needs. Required are Replica, Topology, Policy and Log.
type Options struct {
	Replica   Replica
	Topology  cluster.Topology
	Policy    cluster.Policy
	Metrics   http.Handler // answers /metrics; nil: nobody does
	Page      http.Handler // answers / and /dashboard/; nil: nobody does
	Namespace string       // where the replica runs, for those who ask
	Lease     string       // the name of the lease
	// ReadGateway says that the replica has a read-only door.
	ReadGateway bool
	Log         *slog.Logger
}

// Server answers for one replica.
type Server struct {
	Options
	looks   sync.Mutex // one opinion at a time: asking costs a look at a node
	streams streams
}

// New returns a server.
func New(o Options) *Server {
	s := &Server{Options: o}
	s.streams = streams{look: s.look, most: mostStreams}
	return s
}

// opinionTimeout bounds the look that an opinion costs.
const opinionTimeout = time.Second

// route is one thing that can be asked. All are asked by GET.
type route struct {
	path string
	do   http.HandlerFunc
}

// routes lists what is answered; openapi.yaml describes each.
func (s *Server) routes() []route {
	list := []route{
		{"/livez", s.live},
		{"/readyz", s.ready},
		{"/health", s.health},
		{"/api/v1/status", func(w http.ResponseWriter, _ *http.Request) {
			s.answer(w, statusOf(s.Replica.Status(), s.Options, time.Now().UTC()))
		}},
		{"/api/v1/leadership", func(w http.ResponseWriter, _ *http.Request) {
			s.answer(w, leadershipOf(s.Replica.Status(), s.Options, time.Now().UTC()))
		}},
		{"/api/v1/history", func(w http.ResponseWriter, _ *http.Request) {
			s.answer(w, historyOf(s.Replica.Status(), s.Topology))
		}},
		{"/api/v1/explain", func(w http.ResponseWriter, _ *http.Request) {
			s.answer(w, explain(s.Replica.Status(), s.Topology, s.Policy))
		}},
		{"/api/v1/events", s.streams.serve},
		{"/api/v1/opinion", s.opinion},
		{"/api/v1/openapi.json", s.document},
	}
	if s.Metrics != nil {
		list = append(list, route{"/metrics", s.Metrics.ServeHTTP})
	}
	if s.Page != nil {
		list = append(list, route{"/", s.Page.ServeHTTP}, route{"/dashboard/{file}", s.Page.ServeHTTP})
	}
	return list
}

// Handler returns the routes.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		path := r.path
		if path == "/" {
			path = "/{$}"
		}
		mux.HandleFunc("GET "+path, r.do)
	}
	return mux
}

// look returns what streams tell now, and the same without what changes while
// nothing happens.
func (s *Server) look() (told, compared [kinds]any) {
	v := s.Replica.Status()
	status := statusOf(v, s.Options, time.Now().UTC())
	e, h := explain(v, s.Topology, s.Policy), historyOf(v, s.Topology)
	return [kinds]any{status, e, h}, [kinds]any{status.still(), e, h}
}

// live says whether this process is of use. A leader whose loop is stuck is not: it
// renews its lease and nobody looks after the cluster. Everything else is no reason
// to restart it, and to cut the clients that it serves.
func (s *Server) live(w http.ResponseWriter, _ *http.Request) {
	if d := s.Replica.Status().Stalled; d > 0 {
		http.Error(w, fmt.Sprintf("this replica leads and its loop has been stuck for %s: the process must be restarted", d.Round(time.Second)), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// ready says whether clients may be sent here: the record was read once, so the
// gateway knows where to send them. It holds on every replica, leader or not, and
// also while there is no MAIN: clients are better held than refused.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if !s.Replica.Status().Heard {
		http.Error(w, "the record has not been read yet: the API server does not answer, or refuses", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// Health is the answer of /health.
type Health struct {
	Status    string    `json:"status"` // healthy
	Timestamp time.Time `json:"timestamp"`
}

// health is live in the words of earlier deployments.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	if s.Replica.Status().Stalled > 0 {
		s.live(w, r)
		return
	}
	s.answer(w, Health{Status: "healthy", Timestamp: time.Now().UTC()})
}

func (s *Server) opinion(w http.ResponseWriter, r *http.Request) {
	text := r.URL.Query().Get("node")
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n >= len(s.Topology) {
		http.Error(w, fmt.Sprintf("node=%q: want an ordinal from 0 to %d", text, len(s.Topology)-1), http.StatusBadRequest)
		return
	}
	newest := uint64(0)
	if text := r.URL.Query().Get("epoch"); text != "" { // a controller of an older version does not say it
		if newest, err = strconv.ParseUint(text, 10, 64); err != nil {
			http.Error(w, fmt.Sprintf("epoch=%q: want the epoch of the newest record, a whole number", text), http.StatusBadRequest)
			return
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), opinionTimeout)
	defer cancel()
	switch look := r.URL.Query().Get("look"); look {
	case "no": // nor does it heed an epoch, which may cost as much
		s.give(w, s.Replica.Opinion(ctx, cluster.NoNode, 0))
		return
	case "":
	default:
		http.Error(w, fmt.Sprintf("look=%q: want no, or nothing", look), http.StatusBadRequest)
		return
	}
	s.looks.Lock()
	defer s.looks.Unlock()
	if ctx.Err() != nil {
		http.Error(w, "busy with other questions", http.StatusServiceUnavailable)
		return
	}
	s.give(w, s.Replica.Opinion(ctx, cluster.Ordinal(n), cluster.Epoch(newest)))
}

func (s *Server) give(w http.ResponseWriter, o cluster.Opinion) {
	s.answer(w, Opinion{From: o.From, Contact: o.Contact.String(), Epoch: uint64(o.Epoch)})
}

func (s *Server) answer(w http.ResponseWriter, v any) {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		s.Log.Error("answer not encoded", "err", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(raw, '\n')) // the client may have gone
}

// Serve answers on l with h until ctx ends. It closes l.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 2 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stopped := make(chan struct{})
	defer context.AfterFunc(ctx, func() {
		defer close(stopped)
		_ = server.Close() // whoever still reads may ask another replica
	})()
	err := server.Serve(l)
	if ctx.Err() != nil {
		<-stopped
	}
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP on %s: %w", l.Addr(), err)
	}
	return nil
}
