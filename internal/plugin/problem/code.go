package problem

import "errors"

// The exit codes of every command.
const (
	Done   = 0 // what was asked for has come about, or is shown
	Failed = 1 // it was refused, or went wrong
	Misuse = 2 // the command line cannot be used as it is
	Late   = 3 // nothing went wrong, but it took longer than --timeout
)

type coded struct {
	error
	code int
}

// Unwrap returns the error without its exit code.
func (c coded) Unwrap() error { return c.error }

// Usage marks what the caller must change in the command line.
func Usage(err error) error { return coded{err, Misuse} }

// TimedOut marks what may still come about, after the time that was given for it.
func TimedOut(err error) error { return coded{err, Late} }

// Code returns the exit code for err.
func Code(err error) int {
	var c coded
	switch {
	case err == nil:
		return Done
	case errors.As(err, &c):
		return c.code
	}
	return Failed
}
