package bolt

// Tag is the kind of a message.
type Tag byte

// What a client asks.
const (
	Hello     Tag = 0x01
	Goodbye   Tag = 0x02
	Reset     Tag = 0x0F
	Run       Tag = 0x10
	Begin     Tag = 0x11
	Commit    Tag = 0x12
	Rollback  Tag = 0x13
	Discard   Tag = 0x2F
	Pull      Tag = 0x3F
	Telemetry Tag = 0x54
	Route     Tag = 0x66
	Logon     Tag = 0x6A
	Logoff    Tag = 0x6B
)

// What a server answers.
const (
	Success Tag = 0x70
	Record  Tag = 0x71
	Ignored Tag = 0x7E
	Failure Tag = 0x7F
)

var names = map[Tag]string{
	Hello: "HELLO", Goodbye: "GOODBYE", Reset: "RESET", Run: "RUN", Begin: "BEGIN", Commit: "COMMIT", Rollback: "ROLLBACK",
	Discard: "DISCARD", Pull: "PULL", Telemetry: "TELEMETRY", Route: "ROUTE", Logon: "LOGON", Logoff: "LOGOFF",
	Success: "SUCCESS", Record: "RECORD", Ignored: "IGNORED", Failure: "FAILURE",
}

// String names the message as the protocol does, "unknown" if it is none of it.
func (t Tag) String() string {
	if name, ok := names[t]; ok {
		return name
	}
	return "unknown"
}

// AppendMessage appends a message, chunked, to b. Field values are as for AppendValue.
func AppendMessage(b []byte, t Tag, fields ...any) []byte {
	body := AppendValue(nil, Structure{Tag: byte(t), Fields: fields})
	for len(body) > 0 {
		n := min(len(body), 0xFFFF)
		b = append(append(b, byte(n>>8), byte(n)), body[:n]...)
		body = body[n:]
	}
	return append(b, 0, 0)
}
