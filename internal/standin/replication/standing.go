package replication

// standing is where a replica stands, as its MAIN has last heard. The zero value is a replica that
// has never been heard.
type standing struct {
	ldt    uint64 // the replica's last durable timestamp
	before uint64 // ldt before the replica confirmed commit
	commit uint64 // what the replica confirmed with ldt and its MAIN may still be at; 0: nothing
}

// confirmed is s after the replica has confirmed a commit (0: one that its MAIN is through with) and
// told its last durable timestamp.
func (s standing) confirmed(commit, ldt uint64) standing {
	return standing{ldt: ldt, before: s.ldt, commit: commit}
}

// seenFrom returns the replica's last durable timestamp as a MAIN sees it that stands at ldt itself,
// which must be read after s. A replica confirms a commit before its MAIN has finished it: until
// then the commit counts for neither, or every healthy replica would seem ahead for a moment. What
// the replica has beyond that commit counts at once.
func (s standing) seenFrom(ldt uint64) uint64 {
	if ldt < s.commit && s.ldt <= s.commit {
		return s.before
	}
	return s.ldt
}
