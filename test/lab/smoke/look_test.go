package smoke

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSilent: every check of a fault rests on telling silence from refusal.
func TestSilent(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", unix.ECONNREFUSED)}
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"an answer":               {nil, false},
		"a deadline":              {fmt.Errorf("ask: %w", context.DeadlineExceeded), true},
		"a read deadline":         {&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, true},
		"a lookup without answer": {errors.Join(&net.DNSError{Err: "i/o timeout", IsTimeout: true}), true},
		"the pod hears nothing":   {errSaid{`Get "http://10.0.0.1/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`}, true},
		"the pod looks up in vain": {
			errSaid{"lookup web on 10.96.0.10:53: read udp 10.0.0.1:1->10.96.0.10:53: i/o timeout"}, true,
		},
		"a refusal":                {refused, false},
		"a reset":                  {&net.OpError{Op: "read", Err: unix.ECONNRESET}, false},
		"the end":                  {io.EOF, false},
		"a forbidden send":         {&net.OpError{Op: "write", Err: unix.EPERM}, false},
		"the pod is refused":       {errSaid{`Get "http://10.0.0.1/": dial tcp 10.0.0.1:80: connect: connection refused`}, false},
		"the pod finds no way":     {errSaid{`Get "http://10.0.0.1/": dial tcp 10.0.0.1:80: connect: no route to host`}, false},
		"the pod finds no name":    {errSaid{"lookup web: no such host"}, false},
		"a cancelled check":        {context.Canceled, false},
		"the pod's other mistakes": {errSaid{"404 Not Found"}, false},
	} {
		if err := silent("it", test.err); (err == nil) != test.want {
			t.Errorf("%s (%v): %v, want silence: %v", name, test.err, err, test.want)
		}
	}
}

func TestRead(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			http.Error(w, "in vain", http.StatusBadGateway)
			return
		}
		fmt.Fprint(w, "good")
	}))
	defer server.Close()
	for path, want := range map[string]error{"/": nil, "/bad": errSaid{"in vain"}} {
		response, err := server.Client().Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := read(response); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
}

func TestFirstAddresses(t *testing.T) {
	got, err := firstAddresses("10.244.3.17")
	if err != nil || !slices.Equal(got, []string{"10.244.3.2:8080", "10.244.3.3:8080"}) {
		t.Errorf("first addresses: %q, %v", got, err)
	}
	for _, ip := range []string{"", "fd00::1", "10.244.3"} {
		if got, err := firstAddresses(ip); err == nil {
			t.Errorf("first addresses next to %q: %q, want an error", ip, got)
		}
	}
}

func TestReadAudit(t *testing.T) {
	const old = `{"verb":"list","user":{"username":"somebody"}}` + "\n"
	const fresh = `{"verb":"get","requestURI":"/api/v1/pods/a","user":{"username":"probe"},"responseStatus":{"code":403}}` + "\n"
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, []byte(old+fresh), 0o600); err != nil {
		t.Fatal(err)
	}
	lines, err := readAudit(path, int64(len(old)))
	if err != nil || len(lines) != 1 {
		t.Fatalf("after the first line: %+v, %v; want one", lines, err)
	}
	line := lines[0]
	if line.Verb != "get" || line.URI != "/api/v1/pods/a" || line.User.Username != "probe" || line.ResponseStatus.Code != 403 {
		t.Errorf("line: %+v", line)
	}
	if _, err := readAudit(path, 3); err == nil {
		t.Error("half a line is read as a whole one")
	}
}
