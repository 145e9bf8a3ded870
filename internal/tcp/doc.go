// Package tcp sets what package net leaves out of a TCP connection.
//
// It promises no more than the kernel does, and on systems without the option it does
// nothing: keepalives alone then notice a silent peer. It opens no connections itself.
package tcp
