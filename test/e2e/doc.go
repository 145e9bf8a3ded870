// Package e2e installs the chart on a real Kubernetes, breaks what can break, and
// checks what clients were told against what the nodes hold.
//
// Its tests have the build tag e2e; "make e2e" runs them on the lab of package
// lab, one line a test, and RUN=pattern picks some. With E2E_KUBECONFIG they run
// on an existing cluster instead, whose Service and pod addresses must be
// reachable from here and whose nodes must have the images; what needs the lab's
// hand to break things is skipped there, with the reason.
//
// Every test writes through the gateway's Service while it runs. Each attempt to
// write has an id of its own that is tried once, so it ends acknowledged, refused,
// or unknown (see package bench, which judges them). At the end the cluster must be
// whole again: one MAIN, a standby, every node in step. Then each node is read past
// the gateway, and every acknowledged id must be on every node, exactly once.
//
// The plugin of kubectl is called as an operator calls it, on the same releases.
//
// It forgives nothing, retries no write, and leaves no release behind but the
// one that most tests share, which is removed at the end.
package e2e
