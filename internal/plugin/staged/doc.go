// Package staged is a cluster that stands still: the objects of a release and what
// its leader says, for the tests of the other packages.
//
// It promises the names, labels and annotations of the chart. Only tests use it.
package staged
