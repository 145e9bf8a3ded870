// Package register reads and writes registers through a gateway while it breaks,
// and judges whether each of them behaved as if there were one copy of it.
//
// A register is a node of the graph with a key and a value. Clients write values
// that are used once and read what is there, each operation a transaction of its
// own on the client's own connection. [Check] asks porcupine whether the operations
// of a register can be put in one order that explains every answer and in which
// none comes before another that had ended when it began: linearizability. A read
// that is answered by a deposed MAIN, a write that was acknowledged and is gone
// later, and one that was refused and is seen later all make that impossible.
//
// It promises nothing about several registers together, and it does not retry: an
// operation whose outcome is not known may take effect at any later time, or never.
package register
