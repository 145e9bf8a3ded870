package client

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestValueReadsLikeATranscript(t *testing.T) {
	for want, v := range map[string]any{
		`null`:     nil,
		`"ready"`:  "ready",
		`0(float)`: 0.0,
		`[1, 2]`:   []any{int64(1), int64(2)},
		`{"memgraph": {"behind": -2, "status": "invalid", "ts": 8}}`: map[string]any{
			"memgraph": map[string]any{"ts": int64(8), "behind": int64(-2), "status": "invalid"},
		},
	} {
		if got := Value(v); got != want {
			t.Errorf("Value(%v) = %s; want %s", v, got, want)
		}
	}
}

func TestAnswerSaysWhereItFailed(t *testing.T) {
	a := Answer{At: AtPull, Code: "C", Message: "no"}
	if got, want := a.Outcome(), `ERROR@pull code=C msg="no"`; got != want {
		t.Errorf("outcome = %s; want %s", got, want)
	}
	if a.OK() || !(Answer{}).OK() {
		t.Error("OK must mean that no moment of failure is recorded")
	}
}

func TestRunWithoutServerIsNoServerError(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	a := Run(ctx, "127.0.0.1:1", "RETURN 1")
	if a.At != AtLost || a.Code != "" || !strings.Contains(a.Message, "refused") {
		t.Errorf("answer = %s; want a lost connection that was refused", a)
	}
}
