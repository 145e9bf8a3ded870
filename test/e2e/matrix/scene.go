package matrix

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"memgraph-controller/test/e2e"
	"memgraph-controller/test/lab"
)

// scene is a release and who plays which part in it.
type scene struct {
	release *e2e.Release
	lab     *lab.Lab
	random  *rand.Rand

	epoch                uint64
	main, standby, async string   // pods
	leader               string   // a pod
	controllers          []string // pods, the leader among them
	machines             map[string]string
}

// look finds out who is who. The release must be whole.
func look(ctx context.Context, r *e2e.Release, random *rand.Rand) (*scene, error) {
	var s *scene
	err := e2e.Until(ctx, 15*time.Second, "a look at who is who", func(ctx context.Context) (err error) {
		s, err = glance(ctx, r, random)
		return err
	})
	return s, err
}

func glance(ctx context.Context, r *e2e.Release, random *rand.Rand) (*scene, error) {
	leader, err := r.Leader(ctx)
	if err != nil {
		return nil, err
	}
	if leader.Record == nil || leader.Record.Standby == "" {
		return nil, errors.New("look for the standby: there is none")
	}
	s := &scene{
		release: r, lab: r.Place.Lab, random: random, epoch: leader.Record.Epoch,
		main: leader.Record.Main, standby: leader.Record.Standby, leader: leader.Identity, machines: map[string]string{},
	}
	for _, n := range leader.Nodes {
		if n.Name != s.main && n.Name != s.standby {
			s.async = n.Name
		}
	}
	for _, component := range []string{e2e.Memgraph, e2e.Controller} {
		pods, err := r.Pods(ctx, component)
		if err != nil {
			return nil, err
		}
		for _, p := range pods {
			s.machines[p.Name] = p.Spec.NodeName
			if component == e2e.Controller {
				s.controllers = append(s.controllers, p.Name)
			}
		}
	}
	if s.async == "" {
		return nil, fmt.Errorf("look for an ASYNC replica: of %d nodes there is none beside MAIN and standby", len(leader.Nodes))
	}
	return s, nil
}

func (s *scene) nodes() []string { return []string{s.main, s.standby, s.async} }

// ordinal of a node's pod.
func ordinal(pod string) string { return pod[strings.LastIndexByte(pod, '-')+1:] }

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// moment waits for some time less than most.
func (s *scene) moment(ctx context.Context, most time.Duration) {
	pause(ctx, time.Duration(s.random.Int64N(int64(most))))
}

// annotations by which something is asked of the controllers, and by which they
// answer.
const (
	requestAnnotation = "memgraph-controller/request"
	answerAnnotation  = "memgraph-controller/answer"
)

// ask writes a request as a human does, with kubectl's verb for it.
func ask(ctx context.Context, r *e2e.Release, request string) error {
	_, err := r.Place.Command(ctx, "kubectl", "-n", r.Namespace, "annotate", "--overwrite", "configmap", r.ConfigMap,
		requestAnnotation+"="+request, answerAnnotation+"-")
	return err
}

// answered waits for the answer to a request.
func answered(ctx context.Context, r *e2e.Release, request string, patience time.Duration) (string, error) {
	var answer string
	err := e2e.Until(ctx, patience, "an answer to the request "+strconv.Quote(request), func(ctx context.Context) error {
		m, err := r.Record(ctx)
		if err != nil {
			return err
		}
		if answer = m.Annotations[answerAnnotation]; answer == "" {
			return errors.New("there is none yet")
		}
		return nil
	})
	return answer, err
}

// unknownRequest reports whether an answer says that the controllers do not know
// what was asked.
func unknownRequest(answer string) bool { return strings.Contains(answer, ": want ") }

// refusedRequest reports whether it says that it is not done.
func refusedRequest(answer string) bool { return strings.Contains(answer, "refused") }
