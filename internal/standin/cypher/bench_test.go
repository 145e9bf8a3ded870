package cypher

import "testing"

// run executes a parsed query to its end and returns the number of rows.
func run(b *testing.B, q *Query, params map[string]any, g Graph) (n int) {
	rows, err := Execute(b.Context(), q, params, g)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	for ; ; n++ {
		_, ok, err := rows.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if !ok {
			return n
		}
	}
}

func query(b *testing.B, text string) *Query {
	s, err := Parse(text)
	if err != nil {
		b.Fatal(err)
	}
	return s.(*Query)
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		query(b, "MERGE (n:Key {id: $id}) ON CREATE SET n.created = 1 SET n.value = $value")
	}
}

func BenchmarkReturnOne(b *testing.B) {
	q, g := query(b, "RETURN 1"), newMemory(b)
	b.ReportAllocs()
	for b.Loop() {
		run(b, q, nil, g)
	}
}

// BenchmarkUnwind reports the time for one of the streamed rows.
func BenchmarkUnwind(b *testing.B) {
	q, g := query(b, "UNWIND range(1, $n) AS i RETURN i"), newMemory(b)
	b.ReportAllocs()
	b.ResetTimer()
	if n := run(b, q, map[string]any{"n": int64(b.N)}, g); n != b.N {
		b.Fatalf("%d rows; want %d", n, b.N)
	}
}

// BenchmarkAggregate reports the time for one row that goes into a group.
func BenchmarkAggregate(b *testing.B) {
	q, g := query(b, "UNWIND range(1, $n) AS i RETURN i % 10 AS k, count(*), sum(i)"), newMemory(b)
	b.ReportAllocs()
	b.ResetTimer()
	run(b, q, map[string]any{"n": int64(b.N)}, g)
}
