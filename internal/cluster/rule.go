package cluster

// Rule is which rule of the core a decision came from: the class of its reason, from a
// closed list, where Why is a sentence. The zero value is no rule of the core.
type Rule uint8

// The rules, in the order in which they are asked.
const (
	NoRule         Rule = iota // the loop's own: it has no record, no lease, or asks the other controllers first
	RuleRequest                // what a human asked for
	RuleBootstrap              // there is no record
	RuleNodes                  // there are no nodes, or the record names a MAIN that is none of them
	RulePaused                 // by request
	RulePromotion              // a node is being made MAIN
	RuleDemotion               // MAIN is being made to step down
	RuleDoubt                  // MAIN may be lost, and it is too early to say
	RuleFailover               // MAIN is lost
	RuleUnread                 // MAIN lives, and has not told all that is needed
	RuleWeaken                 // a node is promotable no more
	RuleHandover               // new work is held so that MAIN can step down
	RuleShut                   // MAIN would acknowledge alone, and the policy is strict
	RuleSecondMain             // another node says that it is MAIN
	RuleSeat                   // who shall have the standby seat
	RuleRegister               // MAIN's replicas
	RuleStrengthen             // a node is proven promotable
	RuleRelease                // new work is let in again
	RuleLeave                  // MAIN was told to stop
	RuleSwitchover             // a human wants another MAIN
	RuleRebuild                // the data of a node are moved aside
	RuleRefresh                // MAIN takes a fresh epoch
	RuleBooks                  // who may be read from, and who has joined the reign
	RuleHeir                   // a node is an heir no more
	RuleSteady                 // there is nothing to do
)

// Rules returns all rules, NoRule first.
func Rules() []Rule {
	list := make([]Rule, 0, RuleSteady+1)
	for r := NoRule; r <= RuleSteady; r++ {
		list = append(list, r)
	}
	return list
}

// String returns the rule's word, as metrics show it.
func (r Rule) String() string {
	return word(r, "none", "request", "bootstrap", "nodes", "paused", "promotion", "demotion", "doubt", "failover", "unread", "weaken",
		"handover", "shut", "second_main", "seat", "register", "strengthen", "release", "leave", "switchover", "rebuild", "refresh", "books", "heir", "steady")
}

// by notes the rule that d came from, unless one within that rule has done so.
func (d Decision) by(r Rule) Decision {
	if d.Rule == NoRule {
		d.Rule = r
	}
	return d
}
