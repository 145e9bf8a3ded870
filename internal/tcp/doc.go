// Package tcp sets what package net leaves out of a TCP connection, and moves bytes
// through one at less cost.
//
// It promises no more than the kernel does, and on other systems than Linux it does
// nothing: keepalives alone then notice a silent peer, and bytes move as package net
// moves them. It opens no connections itself.
package tcp
