package cypher

import (
	"strconv"
	"strings"
)

// systemStatement reads a statement that is not about data; nil if the text
// does not begin like one.
func (p *parser) systemStatement() (Statement, error) {
	switch {
	case p.words("SHOW"):
		return p.show()
	case p.words("SET", "REPLICATION", "ROLE"):
		return p.setReplicationRole()
	case p.words("REGISTER", "REPLICA"):
		return p.registerReplica()
	case p.words("DROP"):
		return p.drop()
	case p.words("CREATE", "SNAPSHOT"):
		return CreateSnapshot{}, nil
	case p.words("CREATE", "INDEX", "ON"):
		label, keys, err := p.indexTarget()
		return CreateIndex{Label: label, Properties: keys}, err
	case p.words("CREATE", "CONSTRAINT", "ON"):
		c, err := p.constraint()
		return CreateConstraint{Constraint: c}, err
	case p.words("STORAGE", "MODE"):
		mode, err := p.choice("IN_MEMORY_ANALYTICAL", "IN_MEMORY_TRANSACTIONAL", "ON_DISK_TRANSACTIONAL")
		return StorageMode{Mode: mode}, err
	case p.words("FREE", "MEMORY"):
		return FreeMemory{}, nil
	case p.words("TERMINATE", "TRANSACTIONS"):
		return p.terminate()
	}
	if p.ahead("SET") {
		for _, scope := range []string{"GLOBAL", "SESSION", "NEXT"} {
			if p.words("SET", scope, "TRANSACTION", "ISOLATION", "LEVEL") {
				return p.isolation(scope)
			}
		}
	}
	return p.coordination()
}

// choice takes one of the words or complains.
func (p *parser) choice(words ...string) (string, error) {
	if word, ok := p.oneOf(words...); ok {
		return word, nil
	}
	return "", p.mismatched("{" + strings.Join(words, ", ") + "}")
}

// shows are the SHOW statements that are only words.
var shows = []struct {
	words     string
	statement Statement
}{
	{"REPLICATION ROLE", ShowReplicationRole{}},
	{"REPLICATION LAG", Coordination{Text: "SHOW REPLICATION LAG"}},
	{"REPLICAS", ShowReplicas{}},
	{"INSTANCES", Coordination{Text: "SHOW INSTANCES"}},
	{"INSTANCE", Coordination{Text: "SHOW INSTANCE"}},
	{"COORDINATOR SETTINGS", Coordination{Text: "SHOW COORDINATOR SETTINGS"}},
	{"VERSION", ShowVersion{}},
	{"CONFIG", ShowConfig{}},
	{"INDEX INFO", ShowIndexInfo{}},
	{"INDEXES", ShowIndexInfo{}},
	{"CONSTRAINT INFO", ShowConstraintInfo{}},
	{"CONSTRAINTS", ShowConstraintInfo{}},
	{"TRANSACTIONS", ShowTransactions{}},
	{"RUNNING TRANSACTIONS", ShowTransactions{State: "running"}},
	{"COMMITTING TRANSACTIONS", ShowTransactions{State: "committing"}},
	{"ABORTING TRANSACTIONS", ShowTransactions{State: "aborting"}},
	{"SNAPSHOTS", ShowSnapshots{}},
	{"NEXT SNAPSHOT", ShowNextSnapshot{}},
	{"METRICS INFO", ShowMetrics{}},
	{"METRICS", ShowMetrics{}},
	{"LICENSE INFO", ShowLicenseInfo{}},
	{"USERS", ShowUsers{}},
	{"ACTIVE USERS INFO", ShowActiveUsersInfo{}},
	{"ACTIVE USERS", ShowActiveUsersInfo{}},
	{"DATABASES", ShowDatabases{}},
	{"CURRENT DATABASE", ShowDatabase{}},
	{"DATABASE", ShowDatabase{}},
}

func (p *parser) show() (Statement, error) {
	if p.words("STORAGE", "INFO") {
		return p.showStorageInfo()
	}
	for _, s := range shows {
		if p.words(strings.Fields(s.words)...) {
			return s.statement, nil
		}
	}
	return nil, p.mismatched("{ACTIVE, CONFIG, CONSTRAINT, CURRENT, DATABASE, DATABASES, INDEX, INSTANCE, INSTANCES, LICENSE, METRICS, NEXT, REPLICAS, REPLICATION, SNAPSHOTS, STORAGE, TRANSACTIONS, USERS, VERSION, ...}")
}

func (p *parser) showStorageInfo() (Statement, error) {
	switch {
	case p.words("ON", "CURRENT", "DATABASE"):
		return ShowStorageInfo{Current: true}, nil
	case p.words("ON", "DATABASE"):
		name, err := p.name()
		return ShowStorageInfo{Database: name}, err
	}
	return ShowStorageInfo{}, nil
}

// literalValue takes a literal for the sake of its type; other expressions
// are no literals.
func (p *parser) literalValue() (any, error) {
	switch t := p.peek(); {
	case t.kind == tokenParameter:
		return nil, p.mismatched("{'[', '{', FALSE, NULL, TRUE, StringLiteral, DecimalLiteral, ...}")
	case t.kind == tokenSymbol && !t.isSymbol("[") && !t.isSymbol("{"):
		return nil, p.reject("extraneous input '%s' expecting {'[', '{', FALSE, NULL, TRUE, StringLiteral, DecimalLiteral, ...}", p.source(t))
	case t.kind == tokenEnd, t.kind == tokenWord && !t.isWord("TRUE") && !t.isWord("FALSE") && !t.isWord("NULL"), t.kind == tokenQuoted:
		return nil, p.mismatched("{'[', '{', FALSE, NULL, TRUE, StringLiteral, DecimalLiteral, ...}")
	}
	e, err := p.atom()
	if l, ok := e.(literal); ok {
		return l.value, err
	}
	return nil, err
}

func (p *parser) setReplicationRole() (Statement, error) {
	if err := p.wantWords("TO"); err != nil {
		return nil, err
	}
	role, err := p.choice("MAIN", "REPLICA")
	if err != nil {
		return nil, err
	}
	s := SetReplicationRole{Main: role == "MAIN"}
	if !p.words("WITH") {
		if !s.Main {
			p.mean("Replica must set a port!")
		}
		return s, nil
	}
	if err := p.wantWords("PORT"); err != nil {
		return nil, err
	}
	port, err := p.literalValue()
	if err != nil {
		return nil, err
	}
	if s.Main {
		p.mean("Main can't set a port!")
	}
	var ok bool
	if s.Port, ok = port.(int64); !ok {
		p.mean("Port must be an integer literal!")
	}
	return s, nil
}

func (p *parser) registerReplica() (Statement, error) {
	name, err := p.name()
	if err != nil {
		return nil, err
	}
	mode, err := p.choice("ASYNC", "STRICT_SYNC", "SYNC")
	if err != nil {
		return nil, err
	}
	if err := p.wantWords("TO"); err != nil {
		return nil, err
	}
	address, err := p.literalValue()
	if err != nil {
		return nil, err
	}
	s := RegisterReplica{Name: name, Mode: Mode(strings.ToLower(mode))}
	var ok bool
	if s.Address, ok = address.(string); !ok {
		p.mean("Socket address should be a string literal!")
	}
	return s, nil
}

func (p *parser) drop() (Statement, error) {
	switch {
	case p.words("REPLICA"):
		name, err := p.name()
		return DropReplica{Name: name}, err
	case p.words("INDEX", "ON"):
		label, keys, err := p.indexTarget()
		return DropIndex{Label: label, Properties: keys}, err
	case p.words("CONSTRAINT", "ON"):
		c, err := p.constraint()
		return DropConstraint{Constraint: c}, err
	}
	return nil, p.mismatched("{CONSTRAINT, INDEX, REPLICA, ...}")
}

// indexTarget reads :Label or :Label(key, ...).
func (p *parser) indexTarget() (label string, keys []string, err error) {
	if err := p.wantSymbol(":"); err != nil {
		return "", nil, err
	}
	if label, err = p.name(); err != nil || !p.symbol("(") {
		return label, nil, err
	}
	for {
		key, err := p.name()
		if err != nil {
			return "", nil, err
		}
		keys = append(keys, key)
		if !p.symbol(",") {
			return label, keys, p.wantSymbol(")")
		}
	}
}

// constraint reads (n:Label) ASSERT and one of EXISTS (n.p), n.p, n.q IS
// UNIQUE and n.p IS TYPED type.
func (p *parser) constraint() (c Constraint, err error) {
	if err := p.wantSymbol("("); err != nil {
		return c, err
	}
	variable, err := p.name()
	if err != nil {
		return c, err
	}
	if err := p.wantSymbol(":"); err != nil {
		return c, err
	}
	if c.Label, err = p.name(); err != nil {
		return c, err
	}
	if err := p.wantSymbol(")"); err != nil {
		return c, err
	}
	if err := p.wantWords("ASSERT"); err != nil {
		return c, err
	}
	if p.words("EXISTS") {
		c.Rule = "exists"
		if err := p.wantSymbol("("); err != nil {
			return c, err
		}
		if c.Properties, err = p.properties(variable); err != nil {
			return c, err
		}
		return c, p.wantSymbol(")")
	}
	if c.Properties, err = p.properties(variable); err != nil {
		return c, err
	}
	if err := p.wantWords("IS"); err != nil {
		return c, err
	}
	rule, err := p.choice("UNIQUE", "TYPED")
	switch {
	case err != nil:
		return c, err
	case rule == "UNIQUE":
		c.Rule = "unique"
		return c, nil
	}
	c.Rule = "data_type"
	c.DataType, err = p.choice("BOOLEAN", "DATE", "DURATION", "FLOAT", "INTEGER", "LIST", "LOCALDATETIME", "LOCALTIME", "MAP", "POINT", "STRING", "ZONEDDATETIME")
	return c, err
}

// properties reads n.p, n.q where n is the variable of the constraint.
func (p *parser) properties(variable string) ([]string, error) {
	var keys []string
	for {
		name, err := p.name()
		if err != nil {
			return nil, err
		}
		if name != variable {
			p.mean("All constraint variable should reference node '%s'", variable)
		}
		if err := p.wantSymbol("."); err != nil {
			return nil, err
		}
		key, err := p.name()
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
		if !p.symbol(",") {
			return keys, nil
		}
	}
}

func (p *parser) isolation(scope string) (Statement, error) {
	switch {
	case p.words("SNAPSHOT", "ISOLATION"):
		return SetIsolationLevel{Scope: scope, Level: "SNAPSHOT_ISOLATION"}, nil
	case p.words("READ", "COMMITTED"):
		return SetIsolationLevel{Scope: scope, Level: "READ_COMMITTED"}, nil
	case p.words("READ", "UNCOMMITTED"):
		return SetIsolationLevel{Scope: scope, Level: "READ_UNCOMMITTED"}, nil
	}
	return nil, p.mismatched("{READ, SNAPSHOT}")
}

// terminate reads the ids, which are texts, numbers or parameters.
func (p *parser) terminate() (Statement, error) {
	s := TerminateTransactions{}
	for {
		switch t := p.peek(); t.kind {
		case tokenString:
			s.IDs = append(s.IDs, TextOrParameter{Text: t.text})
		case tokenInt:
			n, err := strconv.ParseInt(t.text, 0, 64)
			if err != nil {
				p.mean("Integer literal exceeds 64 bits.")
			}
			s.IDs = append(s.IDs, TextOrParameter{Text: strconv.FormatInt(n, 10)})
		case tokenParameter:
			s.IDs = append(s.IDs, TextOrParameter{Parameter: t.text})
		default:
			return nil, p.mismatched("{StringLiteral, DecimalLiteral, '$'}")
		}
		p.pos++
		if !p.symbol(",") {
			return s, nil
		}
	}
}

// coordinations begin the statements that only a coordinator executes.
var coordinations = [][]string{
	{"REGISTER", "INSTANCE"},
	{"UNREGISTER", "INSTANCE"},
	{"DEMOTE", "INSTANCE"},
	{"SET", "INSTANCE"},
	{"ADD", "COORDINATOR"},
	{"REMOVE", "COORDINATOR"},
	{"YIELD", "LEADERSHIP"},
	{"SET", "COORDINATOR", "SETTING"},
	{"FORCE", "RESET", "CLUSTER", "STATE"},
	{"UPDATE", "CONFIG", "FOR"},
}

// coordination reads a statement for a coordinator; what follows its first
// words does not matter, as there is none.
func (p *parser) coordination() (Statement, error) {
	for _, words := range coordinations {
		if !p.words(words...) {
			continue
		}
		for !p.peek().isSymbol(";") && p.peek().kind != tokenEnd {
			p.pos++
		}
		return Coordination{Text: strings.Join(words, " ")}, nil
	}
	return nil, nil
}
