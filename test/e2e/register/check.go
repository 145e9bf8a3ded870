package register

import (
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"memgraph-controller/internal/sandbox/bench"
)

const (
	// Initial is what a register holds when it was created.
	Initial int64 = 0
	// Absent is what is read from a register that is not there, which it always is
	// once it was created.
	Absent int64 = -1
)

// Operation is one read or write of one register by one client. The value of a read
// is what was read.
type Operation struct {
	Key, Value int64
	Write      bool
	Client     int
	Begin, End time.Time
	Outcome    bench.Outcome
}

// Linearizable is an answer of [Check].
type Linearizable string

// The answers. Unknown: it took too long to find out.
const (
	Yes     Linearizable = "yes"
	No      Linearizable = "no"
	Unknown Linearizable = "unknown"
)

// Worse returns the answer for two histories together. The zero value stands for
// none.
func (l Linearizable) Worse(other Linearizable) Linearizable {
	for _, answer := range []Linearizable{No, Unknown, Yes} {
		if l == answer || other == answer {
			return answer
		}
	}
	return ""
}

// Judgement is what [Check] found.
type Judgement struct {
	Linearizable Linearizable
	Operations   int   // that were judged
	Key          int64 // of the register that the answer is about, unless it is Yes
}

// Check judges each register by itself, for at most patience each, which must be
// more than 0. Without any operation the answer is Unknown: nothing was shown.
func Check(history []Operation, patience time.Duration) Judgement {
	j := Judgement{}
	for _, of := range byKey(history) {
		operations := convert(of)
		if len(operations) == 0 {
			continue
		}
		j.Operations += len(operations)
		answer := Unknown
		switch porcupine.CheckOperationsTimeout(model, operations, patience) {
		case porcupine.Ok:
			answer = Yes
		case porcupine.Illegal:
			answer = No
		}
		if worse := j.Linearizable.Worse(answer); worse != j.Linearizable {
			j.Linearizable, j.Key = worse, of[0].Key
		}
	}
	if j.Linearizable == "" {
		j.Linearizable = Unknown
	}
	return j
}

// byKey returns the operations of each register, registers in the order of their keys.
func byKey(history []Operation) [][]Operation {
	sorted := slices.Clone(history)
	slices.SortStableFunc(sorted, func(a, b Operation) int { return int(a.Key - b.Key) })
	var all [][]Operation
	for i := 0; i < len(sorted); {
		end := i
		for end < len(sorted) && sorted[end].Key == sorted[i].Key {
			end++
		}
		all = append(all, sorted[i:end])
		i = end
	}
	return all
}

// input is what is asked of a register; what a read answers is the output.
type input struct {
	write bool
	value int64
}

// model is one register.
var model = porcupine.Model{
	Init: func() any { return Initial },
	Step: func(state, in, out any) (bool, any) {
		if asked := in.(input); asked.write {
			return true, asked.value
		}
		return state == out, state
	},
}

// convert leaves out what tells nothing: what was refused, reads without an answer,
// and writes of unknown outcome whose value nobody has read, which can be put after
// everything else. It matters: each write that may still happen doubles the work.
func convert(history []Operation) []porcupine.Operation {
	read := map[int64]bool{}
	var first time.Time
	for _, o := range history {
		if !o.Write && o.Outcome == bench.Acked {
			read[o.Value] = true
		}
		if first.IsZero() || o.Begin.Before(first) {
			first = o.Begin
		}
	}
	var out []porcupine.Operation
	for _, o := range history {
		p := porcupine.Operation{ClientId: max(o.Client, 0), Input: input{o.Write, o.Value}, Call: int64(o.Begin.Sub(first)), Return: int64(o.End.Sub(first))}
		switch {
		case o.Outcome == bench.Refused, !o.Write && o.Outcome != bench.Acked, o.Outcome != bench.Acked && !read[o.Value]:
			continue
		case o.Outcome != bench.Acked:
			p.Return = math.MaxInt64
		case !o.Write:
			p.Input, p.Output = input{}, o.Value
		}
		out = append(out, p)
	}
	return out
}
