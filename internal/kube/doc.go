// Package kube is Kubernetes as the controller needs it: the record in a
// ConfigMap, the lease, the pods of the StatefulSet, the other controller
// replicas, and Events.
//
// It promises that the record is only replaced as the version it was read as,
// that keys and metadata that are not ours survive, and that what the pods are
// and where is known from memory, without a request. In the steady state it
// keeps watches open and asks nothing.
//
// It decides nothing, knows no Cypher, and needs no more than the chart's Role.
package kube
