// Package logs reads the logs of several pods as one: merged by the time at which
// each line was written, with the name of its pod before it.
//
// It promises the order of each pod's lines; between pods it is as good as the clocks
// of their machines. While it follows, a pod that ends is taken up again when it is
// back, and one that is new is followed from its first line. A log that cannot be read
// is told of, and the others are shown.
package logs
