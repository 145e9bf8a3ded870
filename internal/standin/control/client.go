package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"memgraph-controller/internal/standin/faults"
)

// Client speaks to the control port of one stand-in. Its methods may be called concurrently.
type Client struct {
	Addr string // host:port
}

// replication are the links Cut, Refuse and Slow mean when none is named.
var replication = []Link{ReplicationIn, ReplicationOut}

// State returns what there is to see behind the scenes.
func (c Client) State(ctx context.Context) (State, error) {
	var s State
	body, err := c.do(ctx, http.MethodGet, "/state", nil)
	if err == nil {
		err = json.Unmarshal(body, &s)
	}
	if err != nil {
		return s, fmt.Errorf("read state of stand-in %s: %w", c.Addr, err)
	}
	return s, nil
}

// Set makes f the faults; those not in it are healed.
func (c Client) Set(ctx context.Context, f Faults) error {
	_, err := c.do(ctx, http.MethodPut, "/faults", f)
	return c.wrap("set faults", err)
}

// SetLink sets the fault of one link, for one peer or for all with "". A zero fault heals it.
func (c Client) SetLink(ctx context.Context, link Link, peer string, f faults.Fault) error {
	path := "/links/" + url.PathEscape(string(link)) + "?peer=" + url.QueryEscape(peer)
	_, err := c.do(ctx, http.MethodPut, path, f)
	return c.wrap("set fault of link "+string(link), err)
}

// Cut drops all packets of the links, by default of replication.
func (c Client) Cut(ctx context.Context, links ...Link) error {
	return c.setLinks(ctx, links, faults.Fault{Mode: faults.Cut})
}

// Refuse closes the ports of the links, by default of replication.
func (c Client) Refuse(ctx context.Context, links ...Link) error {
	return c.setLinks(ctx, links, faults.Fault{Mode: faults.Refuse})
}

// Slow makes each read and write on the links take d longer, by default on those of replication.
func (c Client) Slow(ctx context.Context, d time.Duration, links ...Link) error {
	return c.setLinks(ctx, links, faults.Fault{DelayMS: d.Milliseconds()})
}

func (c Client) setLinks(ctx context.Context, links []Link, f faults.Fault) error {
	if len(links) == 0 {
		links = replication
	}
	for _, link := range links {
		if err := c.SetLink(ctx, link, "", f); err != nil {
			return err
		}
	}
	return nil
}

// Heal removes all faults, armed crash points too.
func (c Client) Heal(ctx context.Context) error {
	_, err := c.do(ctx, http.MethodPost, "/heal", nil)
	return c.wrap("heal", err)
}

// CrashAt makes the process kill itself the next time it passes the point; "" disarms.
func (c Client) CrashAt(ctx context.Context, p Point) error {
	s, err := c.State(ctx)
	if err != nil {
		return err
	}
	s.Faults.CrashAt = p
	return c.Set(ctx, s.Faults)
}

// PowerLoss drops what was not synced to disk and ends the process. That the connection breaks is
// expected.
func (c Client) PowerLoss(ctx context.Context) error { return c.end(ctx, "/power-loss") }

// Kill ends the process as SIGKILL does.
func (c Client) Kill(ctx context.Context) error { return c.end(ctx, "/kill") }

func (c Client) end(ctx context.Context, path string) error {
	_, err := c.do(ctx, http.MethodPost, path, nil)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	return c.wrap("end", err)
}

func (c Client) wrap(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s of stand-in %s: %w", what, c.Addr, err)
	}
	return nil
}

func (c Client) do(ctx context.Context, method, path string, body any) ([]byte, error) {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+c.Addr+path, in)
	if err != nil {
		return nil, err
	}
	r.Close = true // the process behind the port may be another one next time
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	out, err := io.ReadAll(io.LimitReader(answer.Body, maxBody))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode/100 != 2 {
		return nil, errors.New(strings.TrimSpace(string(out)))
	}
	return out, nil
}
