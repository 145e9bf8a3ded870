// Package chart checks the Helm chart without a cluster: what helm makes of many
// sets of values, what it refuses, and what it says afterwards.
//
// Its tests have the build tag chart, because they need programs that the rest of
// the project does not: helm and kubeconform, of the module tools/chart. "make
// chart" runs them; HELM and KUBECONFORM name other binaries, and without them the
// go command builds those of the module.
//
//   - values holds the sets. What is said about manifests is checked for each of
//     them, on objects that were decoded strictly, and each assertion says why.
//   - testdata holds whole renderings: a changed manifest shows in review.
//   - schemas holds what Kubernetes of each release accepts, in the words of its
//     own OpenAPI document; the command tools/chart/schemas writes them.
//
// -rewrite writes testdata and the values table of the chart's README.md anew.
//
// It promises that a value which the schema lets pass makes manifests that
// Kubernetes takes and settings that the controller takes, as far as the tables
// here tried. It starts nothing: whether the pods work is the business of test/e2e.
package chart
