// Package dashboard is the page of a controller replica, for people: what is at
// risk, the nodes and how they replicate, who is held, how MAIN changed, and what one
// may ask for.
//
// # Promises
//
//   - It is one HTML file with its style, scripts and icon, all in the program:
//     nothing comes from elsewhere, and it works without a network but the one to the
//     replica.
//   - It shows what /api/v1/events tells and computes nothing of its own but lag and
//     the time of answers over time, which is what the page saw since it was opened.
//   - Text that comes from the cluster is text: the script makes elements, never
//     markup, and the Content-Security-Policy lets nothing run but the script.
//   - It says when what it shows is stale.
//
// # What it will not do
//
// It asks for nothing to be changed. It shows the commands by which a human may, with
// the rights of that human.
package dashboard
