package storage

// EpochEnd says that an epoch was left at a last durable timestamp.
type EpochEnd struct {
	Epoch string `json:"epoch"`
	LDT   uint64 `json:"ldt"`
}

// historyLimit is how many epochs Memgraph remembers.
const historyLimit = 1000

// Lineage is where a storage stands and came from. The zero value is an empty storage that has
// not been given an epoch.
type Lineage struct {
	Epoch   string     `json:"epoch"`
	LDT     uint64     `json:"ldt"` // last durable commit timestamp; 0 means empty
	History []EpochEnd `json:"history"`
}

// Verdict is the answer of the lineage check.
type Verdict int

// The verdicts, in the words of SHOW REPLICAS.
const (
	UpToDate Verdict = iota // ready
	Behind                  // recovery
	Diverged                // diverged
)

// Judge is Memgraph's lineage check of a replica that reports its last epoch with a commit and
// its last durable timestamp. Equal epochs are trusted blindly, an empty replica always joins,
// and of several entries for one epoch the oldest counts: that is the false divergence of a
// promoted node that had restarted (recorded on 3.6.2 and 3.12.0). With newest set, the newest
// entry counts instead, as it should.
func (l Lineage) Judge(replicaEpoch string, replicaLDT uint64, newest bool) Verdict {
	if replicaLDT != 0 && replicaEpoch != l.Epoch {
		end, known := l.end(replicaEpoch, newest)
		if !known || end < replicaLDT {
			return Diverged
		}
	}
	if replicaLDT >= l.LDT {
		return UpToDate
	}
	return Behind
}

func (l Lineage) end(epoch string, newest bool) (ldt uint64, known bool) {
	for _, e := range l.History {
		if e.Epoch == epoch {
			ldt, known = e.LDT, true
			if !newest {
				return ldt, true
			}
		}
	}
	return ldt, known
}

// LastCommitEpoch is the epoch a replica reports in a heartbeat: that of its last commit, so
// that reigns without a commit do not count.
func (l Lineage) LastCommitEpoch() string {
	if n := len(l.History); n > 0 && l.History[n-1].LDT == l.LDT {
		return l.History[n-1].Epoch
	}
	return l.Epoch
}

// leave notes the end of the current epoch, unless nothing was committed since the last note.
func (l *Lineage) leave() {
	if n := len(l.History); n > 0 && l.History[n-1].LDT == l.LDT {
		return
	}
	if len(l.History) >= historyLimit {
		l.History = append([]EpochEnd(nil), l.History[len(l.History)-historyLimit+1:]...)
	}
	l.History = append(l.History, EpochEnd{l.Epoch, l.LDT})
}

// found notes, at recovery, that a log of the epoch ended at ldt.
func (l *Lineage) found(epoch string, ldt uint64) {
	if n := len(l.History); n > 0 && l.History[n-1].Epoch == epoch {
		l.History[n-1].LDT = max(l.History[n-1].LDT, ldt)
	} else {
		l.History = append(l.History, EpochEnd{epoch, ldt})
	}
	l.Epoch = epoch
}

func (l Lineage) clone() Lineage {
	l.History = append([]EpochEnd(nil), l.History...)
	return l
}
