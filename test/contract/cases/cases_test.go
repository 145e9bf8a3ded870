//go:build linux

package cases

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"memgraph-controller/test/contract/judge"
)

func TestEveryBehaviourIsJudgedOnBothRecordedReleases(t *testing.T) {
	all := All()
	if err := judge.Check(all); err != nil {
		t.Fatal(err)
	}
	for _, v := range []judge.Version{{Major: 3, Minor: 12}, {Major: 3, Minor: 6, Patch: 2}} {
		s := &judge.Subject{Full: true, Version: v}
		for n := 1; n <= 30; n++ {
			re := regexp.MustCompile(fmt.Sprintf("^%d[a-z]?$", n))
			if len(judge.Select(all, s, re)) == 0 {
				t.Errorf("behaviour %d has no case for %d.%d", n, v.Major, v.Minor)
			}
		}
		for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19} {
			if len(judge.Select(all, s, regexp.MustCompile(fmt.Sprintf(`note %d\b|note %d[a-z]`, n, n)))) == 0 {
				t.Errorf("field note %d has no case for %d.%d", n, v.Major, v.Minor)
			}
		}
	}
	if got := len(judge.Select(all, &judge.Subject{Version: judge.Version{Major: 2, Minor: 19}}, nil)); got < 6 {
		t.Errorf("%d brief cases; want at least 6", got)
	}
}

// The texts below are copied from the recordings.
func TestFailureTextsAreTheRecordedOnes(t *testing.T) {
	v312, v36 := judge.Version{Major: 3, Minor: 12}, judge.Version{Major: 3, Minor: 6, Patch: 2}
	for want, got := range map[string]judge.Refusal{
		"Replication Exception: Failed to replicate to STRICT_SYNC replica 'b': RPC communication error. Replica will be recovered automatically. Transaction was aborted on all instances. Check the status of the replicas using 'SHOW REPLICAS' query.":                                                            failedStrict(v312, "b", lostConnection),
		"Replication Exception: Failed to replicate to SYNC replica 'b': replica is not reachable or not in sync with the main. Replica will be recovered automatically. Transaction is still committed on the main instance and other alive replicas. Check the status of the replicas using 'SHOW REPLICAS' query.": failedSync(v312, "b", notInSync),
		"At least one SYNC replica has not confirmed committing last transaction.":                                                      failedSync(v36, "b", notInSync),
		"At least one STRICT_SYNC replica has not confirmed committing last transaction. Transaction will be aborted on all instances.": failedStrict(v36, "b", notInSync),
	} {
		if got.Text != want {
			t.Errorf("text %q; want %q", got.Text, want)
		}
	}
	if c := failedSync(v36, "b", "").Code; c != judge.TransientError {
		t.Errorf("code of an auto-commit failure on 3.6.2 = %s; want transient", c)
	}
	if c := failedSyncCommit(v36, "b", "").Code; c != judge.ClientError {
		t.Errorf("code of a COMMIT failure on 3.6.2 = %s; want client", c)
	}
	if c := failedSync(v312, "b", "").Code; c != judge.ClientError {
		t.Errorf("code of an auto-commit failure on 3.12.0 = %s; want client", c)
	}
	long := failedStrict(v312, "b", timedOut).Text
	if !strings.Contains(long, "while replicating to [b]. One possible reason") || !strings.HasSuffix(long, "on the coordinator. Check the status of the replicas using 'SHOW REPLICAS' query.") {
		t.Errorf("text of a time-out = %q", long)
	}
}

func TestRegisterTextsByRelease(t *testing.T) {
	for want, v := range map[string]judge.Version{
		"Couldn't register replica 'b'!":        {Major: 2, Minor: 19},
		"Couldn't register replica b.":          {Major: 3, Minor: 4},
		"Couldn't register replica b. Error: 5": {Major: 3, Minor: 6, Patch: 2},
	} {
		if got := cannotRegister(v, "b", 5).Text; got != want {
			t.Errorf("on %d.%d: %q; want %q", v.Major, v.Minor, got, want)
		}
	}
}
