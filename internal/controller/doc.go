// Package controller is the loop that acts: observe, decide, record, act, publish.
package controller
