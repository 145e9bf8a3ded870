// Package request asks the leader for something: it plans what would be asked, asks
// by the annotation of the record's ConfigMap with the caller's own rights, and
// follows the record until it has come about.
//
// It promises to ask only for what the plan has shown: if MAIN, epoch or stage have
// changed since, nothing is asked. A request that nobody answers in time is taken
// back, so that no leader of a later day grants it. What is granted is the leader's
// to finish: it is followed, never undone.
//
// What the record rules out is refused in the plan, with what would be accepted, and
// nobody is asked. Whether a node is fit it does not judge: the leader does, and says
// why.
package request
