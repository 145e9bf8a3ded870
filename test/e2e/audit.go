package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// Request is one request to the API server, as its audit log has it.
type Request struct {
	Verb      string
	User      struct{ Username string }
	ObjectRef struct{ Resource, Subresource, Namespace, Name string }

	ResponseStatus           struct{ Code int }
	RequestReceivedTimestamp time.Time
}

// What is the right that the request needs, as "resource verb".
func (q Request) What() string {
	if q.ObjectRef.Subresource != "" {
		return q.ObjectRef.Resource + "/" + q.ObjectRef.Subresource + " " + q.Verb
	}
	return q.ObjectRef.Resource + " " + q.Verb
}

// Requests are those that the release's controllers have made since a moment. It
// needs the lab, whose audit log it reads.
func (r *Release) Requests(since time.Time) ([]Request, error) {
	if r.Place.Lab == nil {
		return nil, errors.New("read the audit log: only the lab has one that can be read here")
	}
	f, err := os.Open(r.Place.Lab.AuditLog())
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	defer f.Close()
	account := "system:serviceaccount:" + r.Namespace + ":" + r.Name + "-controller"
	var out []Request
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var q Request
		if json.Unmarshal(lines.Bytes(), &q) != nil {
			continue // the line that is being written
		}
		if q.User.Username == account && q.RequestReceivedTimestamp.After(since) {
			out = append(out, q)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the audit log %s has no request of %s since %s", f.Name(), account, since.Format(time.TimeOnly))
	}
	return out, nil
}
