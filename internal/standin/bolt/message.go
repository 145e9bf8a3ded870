package bolt

import (
	"fmt"
)

// Tags of the messages of Bolt 1, 4 and 5. HELLO, PULL and DISCARD are called
// INIT, PULL_ALL and DISCARD_ALL in Bolt 1.
const (
	msgHello    = 0x01
	msgGoodbye  = 0x02
	msgAck      = 0x0E // ACK_FAILURE, Bolt 1 only
	msgReset    = 0x0F
	msgRun      = 0x10
	msgBegin    = 0x11
	msgCommit   = 0x12
	msgRollback = 0x13
	msgDiscard  = 0x2F
	msgPull     = 0x3F
	msgRoute    = 0x66
	msgLogon    = 0x6A
	msgLogoff   = 0x6B

	msgSuccess = 0x70
	msgRecord  = 0x71
	msgIgnored = 0x7E
	msgFailure = 0x7F
)

// parseMessage decodes a message, which must be a structure.
func parseMessage(data []byte) (Structure, error) {
	v, err := decode(data)
	if err != nil {
		return Structure{}, fmt.Errorf("%w: %w", errGarbage, err)
	}
	s, ok := v.(Structure)
	if !ok {
		return Structure{}, fmt.Errorf("%w: a %T", errGarbage, v)
	}
	return s, nil
}

// dict returns field i, which must be a map or may be missing.
func (s Structure) dict(i int) (map[string]any, error) {
	if i >= len(s.Fields) {
		return map[string]any{}, nil
	}
	m, ok := s.Fields[i].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: field %d of message 0x%02X is %T, not a map", errGarbage, i, s.Tag, s.Fields[i])
	}
	return m, nil
}

// text returns field i, which must be a string.
func (s Structure) text(i int) (string, error) {
	if i < len(s.Fields) {
		if text, ok := s.Fields[i].(string); ok {
			return text, nil
		}
	}
	return "", fmt.Errorf("%w: field %d of message 0x%02X is not a string", errGarbage, i, s.Tag)
}

// integer returns the integer at key of m, or otherwise when it is missing.
func integer(m map[string]any, key string, otherwise int64) (int64, error) {
	v, ok := m[key]
	if !ok {
		return otherwise, nil
	}
	n, ok := v.(int64)
	if !ok {
		return 0, fmt.Errorf("%w: %q is %T, not an integer", errGarbage, key, v)
	}
	return n, nil
}

// foreign returns the tag of a structure inside v, if there is one.
func foreign(v any) (tag byte, found bool) {
	switch v := v.(type) {
	case Structure:
		return v.Tag, true
	case []any:
		for _, e := range v {
			if tag, found := foreign(e); found {
				return tag, true
			}
		}
	case map[string]any:
		for _, e := range v {
			if tag, found := foreign(e); found {
				return tag, true
			}
		}
	}
	return 0, false
}
