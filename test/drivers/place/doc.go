// Package place is a cluster to which drivers can be put, and to which things happen: the
// sandbox, or a release on the Kubernetes of package lab.
//
// Clients come by a Service of this package on the loopback interface: on the lab it
// leads to the Service of the chart; in the sandbox it does what a Service does, and
// leads each new connection to a gateway that lives. It sees no byte of what passes.
//
// An event is over when the cluster has done what was asked of it; whether it is whole
// again is asked apart. What cannot happen in a place is said, with the reason.
package place
