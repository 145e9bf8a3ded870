// Package preflight looks at a cluster before the chart is installed on it: its
// version, a class for volumes, the rights of whoever installs, the clock, names that
// are taken, and those values that the chart refuses.
//
// It promises that what could not be checked is said to be so, with the right that is
// missing, and never counts as well. It writes nothing: rights are asked for by
// SelfSubjectAccessReview, which keeps nothing. It does not replace the chart's own
// checks of its values, of which it knows the ones that cost an install.
package preflight
