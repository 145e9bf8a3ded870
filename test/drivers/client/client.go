package client

import (
	"time"

	"memgraph-controller/test/drivers/judge"
)

// The statements, which test/drivers/js/client.mjs has too.
const (
	writeQuery = "CREATE (:W {id: $id})"
	readQuery  = "MATCH (n:W) RETURN n.id LIMIT 1"
)

// Spec says what one client does.
type Spec struct {
	Number  int        `json:"number"` // no other client has it
	Mode    judge.Mode `json:"mode"`
	URL     string     `json:"url"`      // with the scheme
	FirstID int64      `json:"first_id"` // of its writes; 0: it reads
	Rhythm  int64      `json:"rhythm_ms"`
}

// rhythm is the time from one operation to the next.
func (s Spec) rhythm() time.Duration { return time.Duration(s.Rhythm) * time.Millisecond }

// Crew is clients at work.
type Crew interface {
	// Stop lets every client finish the operation it is at, and returns when all have.
	// Its error says that a client ended before it was told to. It is called once.
	Stop() error
}
