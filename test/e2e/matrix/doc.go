// Package matrix breaks a release on the lab in every way it knows, in every
// situation in which that makes sense, and judges what clients were told.
//
// A run begins and ends with a whole release. Clients write ids through the
// gateway (package bench), others read and write registers (package register), and
// a fault strikes. What it broke is given back after a while, where it would not
// come back by itself; then nobody helps. In the end the release must be whole
// again, every acknowledged id on every node, once, no refused one on any, the nodes
// equal, and the registers linearizable. What contradicts that is a finding: it is
// told at once, with all that can be seen of the release, kept in a directory, and
// the next run has a release that was installed anew.
//
// What the harness itself could not do (a command of the lab that fails) is an error
// and no finding; such a run proves nothing and is not counted.
//
// It needs the lab, and it has no mercy: a release that heals after its time is up
// has not healed.
package matrix
