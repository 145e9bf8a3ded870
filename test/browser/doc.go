// Package browser checks the dashboard as people have it: in a browser, on a sandbox
// that is broken meanwhile.
//
// Its tests have the build tag browser, because they need Chromium, which the rest of
// the project does not: "make dashboard" installs Debian's if there is none. CHROMIUM
// names another one. They look at what is drawn, not at what was sent, and judge it
// by a small check of their own for people who do not see it, or not well
// (access.js). -screenshots says where pictures go.
//
// They do not compare pictures: those are for people.
package browser
