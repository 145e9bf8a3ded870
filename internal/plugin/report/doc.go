// Package report collects what a bug report needs into a zip file.
//
// It promises to read no Secret, and that what looks like one is taken out of
// everything else: literal environment variables that the chart does not set, their
// values wherever they occur, passwords in texts, keys and tokens. What could not be
// read is listed in the file itself. It cannot know every secret by its looks: look
// at a report before you publish it.
package report
