// Package view shows a sandbox to a person: as a screen that follows what
// happens, or line by line where there is no terminal.
//
// A Source gives Snapshots; everything shown is in them, so that what is drawn
// is a function of a Snapshot, the latest events and the size of the terminal.
// The screen is drawn again only when one of these has changed.
//
// # What it will not do
//
// It does not judge: sentences, tones and notes come from the Source. It keeps
// no history beyond the last lines of its log.
package view
