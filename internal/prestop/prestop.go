// Package prestop is the preStop hook of a Memgraph container: it keeps a node that is
// told to stop alive until nobody needs it: another one is MAIN, MAIN does not wait for
// its word, and readers are not led to it and have ended what they had begun.
//
// It promises to end: at once if the node is none of that, soon if nobody can tell,
// and at its timeout in any case. Whatever it finds, the node may stop then; a
// controller that is away costs a switchover, never a shutdown.
//
// It will not start a switchover: the controller sees by itself that the pod is
// being deleted. It only asks, and it asks any replica of the controller.
package prestop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"memgraph-controller/internal/cluster"
)

// Options say whom to ask about whom.
type Options struct {
	Node      cluster.Ordinal // the one that is told to stop
	StatusURL string          // of a controller: http://host:port
	Timeout   time.Duration   // longest wait; 0: one question, no wait
}

const (
	interval = 100 * time.Millisecond // between two questions
	patience = 2 * time.Second        // how long nobody may know, before it is taken for granted
	oneTry   = time.Second            // for one question
	// farewell is how long gateways may take to end what readers had begun: they let it
	// go on for a second once they have heard.
	farewell = 1200 * time.Millisecond
	largest  = 4 << 20 // bytes of an answer
)

// Wait returns when node o.Node may stop, and says why in one line. Its only
// error is that the options make no sense; the node may stop even so.
func Wait(ctx context.Context, o Options, log io.Writer) error {
	target, err := o.target()
	if err != nil {
		return err
	}
	client := &http.Client{
		Timeout: oneTry,
		// Each question goes to another replica, not to the one that hangs.
		Transport:     &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	why := o.Poll(ctx, func(ctx context.Context) (*cluster.Record, error) { return ask(ctx, client, target) })
	_, err = fmt.Fprintf(log, "%s may stop: %s\n", o.Node, why)
	if err != nil {
		return fmt.Errorf("say why %s may stop: %w", o.Node, err)
	}
	return nil
}

// target returns the address to ask.
func (o Options) target() (string, error) {
	if o.Node < 0 {
		return "", errors.New("wait for another MAIN: no node")
	}
	u, err := url.Parse(o.StatusURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("wait for another MAIN: status URL %q: want one like http://memgraph-controller:8080", o.StatusURL)
	}
	return u.JoinPath("api", "v1", "status").String(), nil
}

// status is what matters of a controller's answer.
type status struct {
	Record *struct {
		MasterIndex *int   `json:"masterIndex"`
		Stage       string `json:"stage"`
		// Names of pods.
		Standby    string   `json:"standby"`
		Promotable []string `json:"promotable"`
		Readers    []string `json:"readers"`
	} `json:"record"`
}

// Poll asks for the record, of which Main, Stage, Seat, Promotable and Readers matter, until the node
// may stop, and returns why it may.
func (o Options) Poll(ctx context.Context, ask func(context.Context) (*cluster.Record, error)) string {
	ctx, stop := context.WithTimeout(ctx, o.Timeout)
	defer stop()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	heard, last, read := time.Now(), "", false
	for {
		// The first question is asked even if there is no time to wait.
		rec, err := ask(context.WithoutCancel(ctx))
		if err == nil {
			heard = time.Now()
			read = read || slices.Contains(rec.Readers, o.Node)
			var may bool
			if may, last = cluster.MayStop(rec, o.Node); may {
				o.partFromReaders(ctx, read)
				return last
			}
		} else {
			last = err.Error()
		}
		if time.Since(heard) >= patience {
			return fmt.Sprintf("nobody has told who is MAIN for %s: %s", patience, last)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return fmt.Sprintf("waited %s, which is as long as allowed: %s", o.Timeout, last)
		}
	}
}

// partFromReaders waits for what readers had begun, if there were any.
func (o Options) partFromReaders(ctx context.Context, read bool) {
	if !read {
		return
	}
	t := time.NewTimer(farewell)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// record returns what was told, as far as it matters here.
func (s status) record() *cluster.Record {
	rec := &cluster.Record{Main: cluster.Ordinal(*s.Record.MasterIndex), Seat: ordinal(s.Record.Standby)}
	rec.Stage = cluster.Promoting // or another that is not serving
	if s.Record.Stage == cluster.Serving.String() {
		rec.Stage = cluster.Serving
	}
	for _, name := range s.Record.Promotable {
		rec.Promotable = append(rec.Promotable, cluster.Proof{Node: ordinal(name)})
	}
	for _, name := range s.Record.Readers {
		rec.Readers = append(rec.Readers, ordinal(name))
	}
	return rec
}

// ordinal returns the node of a pod, NoNode if its name ends with no number.
func ordinal(pod string) cluster.Ordinal {
	n, err := strconv.Atoi(pod[strings.LastIndexByte(pod, '-')+1:])
	if err != nil || n < 0 {
		return cluster.NoNode
	}
	return cluster.Ordinal(n)
}

// ask asks one controller. A controller without a record does not know who is MAIN.
func ask(ctx context.Context, client *http.Client, target string) (*cluster.Record, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask who is MAIN: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask who is MAIN: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask who is MAIN at %s: answer %s", target, response.Status)
	}
	var s status
	if err := json.NewDecoder(io.LimitReader(response.Body, largest)).Decode(&s); err != nil {
		return nil, fmt.Errorf("ask who is MAIN at %s: read the answer: %w", target, err)
	}
	if s.Record == nil || s.Record.MasterIndex == nil || *s.Record.MasterIndex < 0 {
		return nil, fmt.Errorf("ask who is MAIN at %s: the controller has no record", target)
	}
	return s.record(), nil
}
