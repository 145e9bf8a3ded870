package smoke

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	port = "8080"
	// askPatience bounds a request from the client machine. A pod that is
	// asked to look at the network gives up after one second by itself.
	askPatience = 3 * time.Second
	// silence is how long nothing must be heard to call it silence.
	silence = time.Second
	// soon is for what no part of the cluster has to do anything for.
	soon = 10 * time.Second
)

// address is where a pod of the StatefulSet serves, by its name in DNS.
func address(pod string) string {
	return net.JoinHostPort(pod+".probe."+namespace+".svc", port)
}

// at is where a pod serves, by its address of now.
func (s *smoke) at(ctx context.Context, pod string) (string, error) {
	p, err := s.pod(ctx, pod)
	if err != nil {
		return "", err
	}
	if p.Status.PodIP == "" {
		return "", fmt.Errorf("pod %s has no address", pod)
	}
	return net.JoinHostPort(p.Status.PodIP, port), nil
}

// errSaid is an answer, but not of what was asked for.
type errSaid struct{ text string }

func (e errSaid) Error() string { return e.text }

// get asks from the client machine, over a new connection.
func (s *smoke) get(ctx context.Context, address, path string) (string, error) {
	return s.ask(ctx, http.MethodGet, address, path, "")
}

// write puts a file onto the volume of a pod.
func (s *smoke) write(ctx context.Context, pod, file, content string) error {
	_, err := s.ask(ctx, http.MethodPut, address(pod), "/files/"+file, content)
	return err
}

func (s *smoke) ask(ctx context.Context, method, address, path, body string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	response, err := s.http.Do(request)
	if err != nil {
		return "", err
	}
	return read(response)
}

// read returns the body of what was answered; all but "200 OK" is an errSaid.
func read(response *http.Response) (string, error) {
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errSaid{strings.TrimSpace(string(body))}
	}
	return string(body), err
}

// fetch has a pod ask for a URL; an errSaid is the pod's own report of a failure.
func (s *smoke) fetch(ctx context.Context, from, target string) (string, error) {
	at, err := s.at(ctx, from)
	if err != nil {
		return "", err
	}
	return s.get(ctx, at, "/fetch?url="+url.QueryEscape(target))
}

// hears waits until one pod reaches another by its address. From "client" it
// is the client machine that asks.
func (s *smoke) hears(ctx context.Context, from, to string) error {
	return until(ctx, soon, func(ctx context.Context) error {
		body, err := s.from(ctx, from, to)
		return expect("what "+from+" hears from "+to, body, to, err)
	})
}

// deaf checks that one pod gets no answer from another, and no error either:
// its packets vanish.
func (s *smoke) deaf(ctx context.Context, from, to string) error {
	_, err := s.from(ctx, from, to)
	if said := (errSaid{}); from != client && err != nil && !errors.As(err, &said) {
		return fmt.Errorf("%s cannot be asked: %w", from, err)
	}
	return silent(fmt.Sprintf("%s for %s", to, from), err)
}

// client stands for the client machine among the pods' names.
const client = "client"

func (s *smoke) from(ctx context.Context, from, to string) (string, error) {
	at, err := s.at(ctx, to)
	if err != nil {
		return "", err
	}
	if from != client {
		return s.fetch(ctx, from, "http://"+at+"/")
	}
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	return s.get(ctx, at, "/")
}

// silent returns nil if err says that nobody answered; an answer, and an error
// that somebody sent, are none of it.
func silent(who string, err error) error {
	if err == nil {
		return fmt.Errorf("%s is not silent: it answers", who)
	}
	said := errSaid{}
	if errors.As(err, &said) { // by a pod, in its own words
		for _, words := range []string{"Client.Timeout exceeded", "i/o timeout"} {
			if strings.Contains(said.text, words) {
				return nil
			}
		}
	} else if late := net.Error(nil); errors.As(err, &late) && late.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return fmt.Errorf("%s is not silent: %w", who, err)
}

// expect says what differs from what was expected, if anything does.
func expect[T comparable](what string, got, want T, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if got != want {
		return fmt.Errorf("%s is %v, want %v", what, got, want)
	}
	return nil
}

// failsWith checks that something was refused, and with which words.
func failsWith(what string, err error, words string) error {
	if err == nil {
		return fmt.Errorf("%s succeeds", what)
	}
	if !strings.Contains(err.Error(), words) {
		return fmt.Errorf("%s does not fail with %q: %w", what, words, err)
	}
	return nil
}

// together looks at several things at the same time: silence takes a second each.
func together(looks ...func() error) error {
	errs := make([]error, len(looks))
	var group sync.WaitGroup
	for i, look := range looks {
		group.Go(func() { errs[i] = look() })
	}
	group.Wait()
	return errors.Join(errs...)
}

// inOrder takes one step after the other until one fails.
func inOrder(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// throughout checks every 100 ms that something holds all the time.
func throughout(ctx context.Context, d time.Duration, f func(context.Context) error) error {
	for end := time.Now().Add(d); time.Now().Before(end); {
		if err := f(ctx); err != nil {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// talk is an open connection, to see what becomes of it.
type talk struct {
	with   string
	conn   net.Conn
	reader *bufio.Reader
}

// open connects from the client machine.
func (s *smoke) open(ctx context.Context, address string) (*talk, error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	conn, err := s.lab.Dial(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	return &talk{with: address, conn: conn, reader: bufio.NewReader(conn)}, nil
}

// openTo connects to a pod and checks that it answers.
func (s *smoke) openTo(ctx context.Context, pod string) (*talk, error) {
	at, err := s.at(ctx, pod)
	if err != nil {
		return nil, err
	}
	t, err := s.open(ctx, at)
	if err != nil {
		return nil, err
	}
	if err := t.asks(pod); err != nil {
		t.conn.Close()
		return nil, err
	}
	return t, nil
}

// say sends part of a request.
func (t *talk) say(format string, args ...any) error {
	if _, err := fmt.Fprintf(t.conn, format, args...); err != nil {
		return fmt.Errorf("send to %s: %w", t.with, err)
	}
	return nil
}

// whoAreYou asks the pod for its name, for an answer to be taken later.
const whoAreYou = "GET / HTTP/1.1\r\nHost: probe\r\n\r\n"

// asks checks that the pod answers on the connection.
func (t *talk) asks(pod string) error {
	if err := t.say(whoAreYou); err != nil {
		return err
	}
	return t.hears(pod)
}

// answer waits for the next answer.
func (t *talk) answer(patience time.Duration) (string, error) {
	if err := t.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	response, err := http.ReadResponse(t.reader, nil)
	if err != nil {
		return "", err
	}
	return read(response)
}

// hears checks that the next answer is the one that is expected.
func (t *talk) hears(want string) error {
	body, err := t.answer(soon)
	return expect("the answer on the open connection to "+t.with, body, want, err)
}

// silent checks that nothing comes, not even the connection's end.
func (t *talk) silent() error {
	_, err := t.answer(silence)
	return silent("the open connection to "+t.with, err)
}

// ended checks that the other side has ended the connection.
func (t *talk) ended() error {
	if err := t.conn.SetReadDeadline(time.Now().Add(soon)); err != nil {
		return err
	}
	_, err := t.reader.Peek(1)
	if err == nil {
		return fmt.Errorf("the open connection to %s does not end: something is said on it", t.with)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("the open connection to %s does not end: %w", t.with, err)
	}
	return nil
}
