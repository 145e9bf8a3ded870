package place

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"memgraph-controller/test/drivers/judge"
	"memgraph-controller/test/e2e"
)

const (
	installing = 5 * time.Minute
	wholeAgain = 5 * time.Minute // on Kubernetes
	naming     = time.Minute     // for another MAIN
)

// How a switchover is asked for, and answered.
const (
	request = "memgraph-controller/request"
	answer  = "memgraph-controller/answer"
)

// Lab is a place on a real Kubernetes: a release of the chart.
type Lab struct {
	r           *e2e.Release
	write, read *service
	keep        bool
}

var _ Place = (*Lab)(nil)

// InstallLab installs a release on the lab, or on the cluster that E2E_KUBECONFIG names,
// and waits until it is whole. With keep Close leaves it there.
func InstallLab(ctx context.Context, keep bool) (*Lab, error) {
	where, err := e2e.Find(ctx)
	if err != nil {
		return nil, err
	}
	if err := where.Mend(ctx); err != nil {
		return nil, err
	}
	l := &Lab{keep: keep}
	to := func(port string) func(context.Context) (net.Conn, error) {
		return func(ctx context.Context) (net.Conn, error) {
			host, _, err := net.SplitHostPort(l.r.Gateway())
			if err != nil {
				return nil, fmt.Errorf("reach the gateway's Service: %w", err)
			}
			return where.Dial(ctx, "tcp", net.JoinHostPort(host, port))
		}
	}
	if l.write, err = open(ctx, to("7687")); err != nil {
		return nil, err
	}
	if l.read, err = open(ctx, to("7688")); err != nil {
		l.write.close()
		return nil, err
	}
	l.r = where.NewRelease("drivers", "drivers", "controller.readGatewayAdvertisedAddress="+l.read.addr())
	if err := l.install(ctx); err != nil {
		return nil, errors.Join(err, l.Close(context.WithoutCancel(ctx)))
	}
	return l, nil
}

func (l *Lab) install(ctx context.Context) error {
	if err := l.r.Erase(ctx); err != nil {
		return err
	}
	if err := l.r.Helm(ctx); err != nil {
		return err
	}
	if err := l.r.Settle(ctx, installing); err != nil {
		return fmt.Errorf("install a release: %w\n%s", err, l.r.Diagnose(ctx))
	}
	return nil
}

// Close implements Place.
func (l *Lab) Close(ctx context.Context) error {
	l.write.close()
	l.read.close()
	err := l.r.Place.Mend(ctx)
	if !l.keep {
		err = errors.Join(err, l.r.Erase(ctx))
	}
	return err
}

// Doors implements Place.
func (l *Lab) Doors() (write, read string) { return l.write.addr(), l.read.addr() }

// Lacks implements Place.
func (l *Lab) Lacks(e judge.Event) string {
	if e == judge.MainCrash && l.r.Place.Lab == nil {
		return "only the lab's hand can kill a process without a word: unset " + e2e.Kubeconfig
	}
	return ""
}

// Settle implements Place.
func (l *Lab) Settle(ctx context.Context) error {
	if err := l.r.Settle(ctx, wholeAgain); err != nil {
		return fmt.Errorf("%w\n%s", err, l.r.Diagnose(ctx))
	}
	return nil
}

// Recover implements Place: what is asked of the controllers is whether nodes are in step.
func (l *Lab) Recover(ctx context.Context) error { return l.Settle(ctx) }

// Held implements Place.
func (l *Lab) Held(ctx context.Context) ([]map[int64]int, error) { return l.r.Held(ctx) }

// Strike implements Place.
func (l *Lab) Strike(ctx context.Context, e judge.Event) (judge.Strike, error) {
	if e == judge.MainCrash || e == judge.LeaderCrash {
		return l.crash(ctx, e)
	}
	return during(func() error {
		switch e {
		case judge.None:
			return nil
		case judge.Switchover:
			return l.switchover(ctx)
		case judge.RollingRestart:
			if err := l.r.Restart(ctx); err != nil {
				return err
			}
			return l.Settle(ctx)
		case judge.GatewayRollout:
			if _, err := l.kubectl(ctx, "rollout", "restart", "deployment/"+l.r.Name+"-controller"); err != nil {
				return err
			}
			return l.Settle(ctx)
		}
		return fmt.Errorf("event %q: the lab does not know it", e)
	})
}

// crash finds out whom to kill before the clock runs.
func (l *Lab) crash(ctx context.Context, e judge.Event) (judge.Strike, error) {
	if e == judge.MainCrash {
		main, err := l.r.Main(ctx)
		if err != nil {
			return judge.Strike{}, err
		}
		epoch, err := l.r.Epoch(ctx)
		if err != nil {
			return judge.Strike{}, err
		}
		strike, err := during(func() error { return l.r.Place.Lab.Kill(ctx, l.r.Namespace, main, e2e.Memgraph) })
		if err != nil {
			return strike, err
		}
		return strike, until(ctx, wholeAgain, "another reign", func() error {
			now, err := l.r.Epoch(ctx)
			if err == nil && now == epoch {
				err = fmt.Errorf("it is epoch %d still", now)
			}
			return err
		})
	}
	leader, err := l.r.Leader(ctx)
	if err != nil {
		return judge.Strike{}, err
	}
	strike, err := during(func() error { return l.r.Murder(ctx, leader.Identity) })
	if err == nil {
		_, err = l.r.Successor(ctx, leader.Identity, e2e.Takeover)
	}
	return strike, err
}

func (l *Lab) switchover(ctx context.Context) error {
	before, err := l.r.Main(ctx)
	if err != nil {
		return err
	}
	if _, err := l.kubectl(ctx, "annotate", "--overwrite", "configmap", l.r.ConfigMap, request+"=switchover", answer+"-"); err != nil {
		return err
	}
	return until(ctx, naming, "another MAIN than "+before, func() error {
		record, err := l.r.Record(ctx)
		if err != nil {
			return err
		}
		if said := record.Annotations[answer]; strings.Contains(said, "refused") {
			return fmt.Errorf("a whole release refused a switchover: %s", said)
		}
		main, err := l.r.Main(ctx)
		if err == nil && main == before {
			err = errors.New("it is MAIN still")
		}
		return err
	})
}

func (l *Lab) kubectl(ctx context.Context, args ...string) (string, error) {
	return l.r.Place.Command(ctx, "kubectl", append([]string{"-n", l.r.Namespace}, args...)...)
}
