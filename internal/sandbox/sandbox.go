package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
	"memgraph-controller/internal/dashboard"
	"memgraph-controller/internal/election"
	"memgraph-controller/internal/inmemory"
	"memgraph-controller/internal/sandbox/nodes"
)

// Options say what to run. The zero value runs three stand-ins and three
// controllers on the usual ports.
type Options struct {
	Server Server
	Dir    string // where data live; "" for a temporary directory
	// FirstPort is where the ports begin; 0 for 7687 and the other usual ones.
	FirstPort int
	// RestartAfter is how long a node that has ended stays down, 1 s if zero.
	RestartAfter time.Duration
	// ReplaceAfter is how long a crashed controller stays away, 5 s if zero; if
	// negative, until Replace is called.
	ReplaceAfter time.Duration
	// FailAfter is how long MAIN may be mute before it counts as lost; zero for
	// the controller's default.
	FailAfter time.Duration
	Lease     election.Timing // zero: election.DefaultTiming
	Version   string          // of this program
	// AdvertisedReadOnly is where drivers that ask for a routing table are told to read,
	// host:port; empty: at the controller to which they came.
	AdvertisedReadOnly string
	// DrainTimeout is how long what is open in sessions may go on when a controller stops;
	// zero: not at all.
	DrainTimeout time.Duration
	Log          *slog.Logger // nil: the file sandbox.log in the directory
}

// logName is the file in the directory that controllers and supervisor log to.
const logName = "sandbox.log"

// Size is how many nodes and how many controllers a sandbox has.
const Size = 3

// Sandbox is one cluster on this machine. Its methods may be called by anyone
// while Run runs.
type Sandbox struct {
	opts     Options
	log      *slog.Logger
	logFile  *os.File // nil if Options.Log was given
	dir      *directory
	boot     string
	places   [Size]place
	topology cluster.Topology
	moved    []string

	objects    *inmemory.Objects
	supervisor *nodes.Supervisor
	network    *network
	slots      [Size]*slot
	page       http.Handler // the dashboard of every controller

	record  atomic.Pointer[cluster.Record]      // as it is; nil: there is none
	seen    atomic.Pointer[controller.Snapshot] // what the last leader knew
	memory  memory
	opened  time.Time
	served  atomic.Bool // a MAIN has served since then
	answers answers

	jobs  chan func(context.Context) // done by Run's goroutine, with its context
	ended chan struct{}              // closed when Run takes no more jobs
	work  sync.WaitGroup             // what Run has to join besides the nodes
}

// Open takes the directory and the ports of a sandbox and starts nothing. What
// it has taken is given back by Run or Close.
func Open(ctx context.Context, o Options) (*Sandbox, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	program, err := o.Server.program()
	if err != nil {
		return nil, err
	}
	boot, err := nodes.BootID()
	if err != nil {
		return nil, err
	}
	dir, err := openDirectory(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Sandbox{
		opts: o, log: o.Log, dir: dir, boot: boot, objects: inmemory.New(), opened: time.Now(),
		jobs: make(chan func(context.Context)), ended: make(chan struct{}),
	}
	if err := s.prepare(ctx, program); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.ReplaceAfter == 0 {
		o.ReplaceAfter = 5 * time.Second
	}
	if o.FailAfter == 0 {
		o.FailAfter = cluster.DefaultPolicy().FailAfter
	}
	if o.Lease == (election.Timing{}) {
		o.Lease = election.DefaultTiming()
	}
	return o
}

// validate names every value that cannot be used, and what can.
func (o Options) validate() error {
	var errs []error
	if o.RestartAfter < 0 {
		errs = append(errs, fmt.Errorf("restart-after %s: want 0 for the default, or more", o.RestartAfter))
	}
	if o.Server.Memgraph != "" && (o.Server.Standin != "" || o.Server.Version != "") {
		errs = append(errs, errors.New("memgraph and standin: want one of them, the nodes run one program"))
	}
	if o.FirstPort < 0 || o.FirstPort > lastPort-100 {
		errs = append(errs, fmt.Errorf("first port %d: want 0 for the usual ones, or up to %d", o.FirstPort, lastPort-100))
	}
	errs = append(errs, o.policy().Validate(), o.Lease.Validate())
	return errors.Join(errs...)
}

// policy is that of the controller, with what was chosen here.
func (o Options) policy() cluster.Policy {
	p := cluster.DefaultPolicy()
	p.FailAfter = o.FailAfter
	return p
}

// prepare makes everything but starts nothing.
func (s *Sandbox) prepare(ctx context.Context, program string) error {
	if s.log == nil {
		f, err := nodes.OpenLog(s.dir.file(logName))
		if err != nil {
			return fmt.Errorf("keep the sandbox's log: %w", err)
		}
		s.logFile, s.log = f, slog.New(slog.NewTextHandler(f, nil))
	}
	var err error
	if s.page, err = dashboard.Handler(dashboard.Options{}); err != nil {
		return err
	}
	if err := s.allot(ctx); err != nil {
		return err
	}
	kept, err := s.dir.loadRecord()
	if err != nil {
		return err
	}
	if kept != nil {
		s.objects.Put(kept.Encode())
	}
	options := nodes.Options{
		Boot: s.boot, RestartAfter: s.opts.RestartAfter, Log: s.log,
		Prepare: s.rebuild, Changed: func(cluster.Ordinal) {
			s.kick()
			s.network.nodeChanged()
		},
	}
	for i := range s.places {
		if err := s.places[i].settle(); err != nil {
			return err
		}
		options.Nodes = append(options.Nodes, s.opts.Server.node(program, s.places[i]))
	}
	s.supervisor, err = nodes.New(options)
	return err
}

// allot gives every node and every gateway its ports. Gateways have theirs
// opened here: they are the ones people know.
func (s *Sandbox) allot(ctx context.Context) error {
	p := newPorts()
	at := func(usual, offset int) int {
		if s.opts.FirstPort == 0 {
			return usual
		}
		return s.opts.FirstPort + offset
	}
	for i := range s.slots {
		name := fmt.Sprintf("controller-%d", i)
		s.slots[i] = &slot{index: i, name: name}
		if err := s.slots[i].listen(ctx, p, at(7687+2*i, 2*i), at(8080+i, 50+i)); err != nil {
			return err
		}
	}
	if err := s.allotReplication(ctx, p, at); err != nil {
		return err
	}
	for i := range s.places {
		pl := &s.places[i]
		for _, want := range []struct {
			port             *int
			what             string
			usual, beginning int
		}{
			{&pl.bolt, "the Bolt port of ", 7701, 10},
			{&pl.control, "the control port of ", 7711, 30},
			{&pl.monitoring, "the monitoring port of ", 7451, 40},
		} {
			var err error
			if *want.port, err = p.reserve(ctx, want.what+pl.name, at(want.usual+i, want.beginning+i)); err != nil {
				return err
			}
		}
		s.topology = append(s.topology, cluster.Node{Name: pl.name, Bolt: address(pl.bolt), Replication: address(pl.replication)})
	}
	s.moved = p.moved
	s.network = newNetwork(s.opts.Server.cutter(s.places[:]), Size, func(n cluster.Ordinal) cluster.Process {
		return s.supervisor.Info(n).Process
	})
	return nil
}

// allotReplication gives the nodes their names and replication ports, those they
// had if their directory was used before.
func (s *Sandbox) allotReplication(ctx context.Context, p *ports, at func(usual, offset int) int) error {
	kept, err := s.dir.loadPorts()
	if err != nil {
		return err
	}
	ports := make([]int, Size)
	for i := range s.places {
		pl := &s.places[i]
		pl.name = fmt.Sprintf("memgraph-%d", i)
		pl.dir = s.dir.file(pl.name)
		what := "the replication port of " + pl.name
		if kept != nil {
			pl.replication = kept[i]
			err = p.exactly(ctx, what, kept[i])
		} else {
			pl.replication, err = p.reserve(ctx, what, at(10001+i, 20+i))
		}
		if err != nil {
			return err
		}
		ports[i] = pl.replication
	}
	return s.dir.savePorts(ports)
}

// Close gives back what Open has taken. It is not needed after Run.
func (s *Sandbox) Close() error {
	var errs []error
	for _, sl := range s.slots {
		if sl != nil {
			errs = append(errs, sl.close())
		}
	}
	if s.logFile != nil {
		errs = append(errs, s.logFile.Close())
	}
	return errors.Join(append(errs, s.dir.close())...)
}

// Moved says which of the gateways' usual ports were taken and what is used
// instead, one sentence each.
func (s *Sandbox) Moved() []string { return s.moved }

// Page is the URL of the dashboard of controller i.
func (s *Sandbox) Page(i int) string { return "http://localhost" + port(s.slots[i].page) }

// Dir is the directory the sandbox lives in.
func (s *Sandbox) Dir() string { return s.dir.path }

// Run runs the cluster until ctx ends, then ends controllers, nodes and
// everything else, in this order. It is called once.
func (s *Sandbox) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	nodesCtx, stopNodes := context.WithCancel(context.WithoutCancel(ctx))
	defer stopNodes()
	var supervising sync.WaitGroup
	var superviseErr error
	supervising.Go(func() { superviseErr = s.supervisor.Run(nodesCtx) })
	s.work.Go(func() { s.objects.Watch(ctx, s.follow) })
	s.work.Go(func() { s.network.run(ctx) })
	err := s.serve(ctx)
	cancel()
	s.work.Wait()
	stopNodes()
	supervising.Wait()
	return errors.Join(err, superviseErr, s.Close())
}

// serve employs the controllers and does jobs until ctx ends.
func (s *Sandbox) serve(ctx context.Context) error {
	defer close(s.ended)
	for _, sl := range s.slots {
		if err := s.employ(ctx, sl); err != nil {
			return err
		}
	}
	for {
		select {
		case job := <-s.jobs:
			job(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// do has Run's goroutine do a job and returns its error.
func (s *Sandbox) do(job func(ctx context.Context) error) error {
	done := make(chan error, 1)
	select {
	case s.jobs <- func(ctx context.Context) { done <- job(ctx) }:
		return <-done
	case <-s.ended:
		return errEnded
	}
}

// follow takes over what the watch of the record brings, and keeps it for the
// next sandbox.
func (s *Sandbox) follow(r *cluster.Record, _ string) {
	s.record.Store(r)
	if s.dir.temporary {
		return
	}
	if err := s.dir.saveRecord(r); err != nil {
		s.log.Error("record not kept for the next sandbox", "err", err)
	}
}

// rebuild is what an init container does: it looks whether the record asks for
// the data of the process that is being replaced to be moved aside.
func (s *Sandbox) rebuild(n cluster.Ordinal, last cluster.Process) (string, error) {
	data := s.objects.Data()
	if data == nil {
		return "", nil
	}
	r, err := cluster.Decode(data)
	if err != nil {
		return "", err
	}
	b, asked := r.Rebuild(n)
	if !asked || n == r.Main || last.Known() && b.Process.Known() && last != b.Process {
		return "", nil
	}
	return fmt.Sprintf("diverged-%d", r.Epoch), nil
}

// product says what the nodes are, and which version if one of them has said.
func (s *Sandbox) product(seen []cluster.Sighting) string {
	what := "stand-in"
	if s.opts.Server.Memgraph != "" {
		what = "Memgraph"
	}
	for _, n := range seen {
		if n.Version.Known() {
			return what + " " + n.Version.String()
		}
	}
	return what
}

// port is the last part of an address, with its colon.
func port(addr string) string { return addr[strings.LastIndexByte(addr, ':'):] }

// local is an address as people write it.
func local(addr string) string { return "bolt://" + strings.Replace(addr, "127.0.0.1", "localhost", 1) }
