// Package app builds one controller replica out of the other rooms and owns
// their lifetimes.
//
// Every replica follows the record and runs the gateway; the one that holds the
// lease runs the loop as well. The gateway starts first and stops last, so that
// losing the lease, the API or the loop costs no client anything (P9). The loop
// is joined before the lease is released (P8).
//
// It knows neither Kubernetes nor the sandbox: both hand it the same interfaces.
package app
