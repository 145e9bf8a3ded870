package sandbox

import "fmt"

// Help explains the commands, one a line, to somebody who watches the sandbox
// in dir. It fits a screen of 80 columns and 24 lines.
func Help(dir string) []string {
	return []string{
		"kill 0        SIGKILL; it is started again like by a kubelet   (k0, kill main)",
		"pause 1       SIGSTOP: it keeps its connections, and is mute   (resume 1)",
		"cut 2         cut it off, as a firewall that drops would       (heal 2)",
		"wipe 2        start it with an empty disk; its data are kept aside",
		"kill leader   the controller that leads dies without giving up its lease",
		"forget        delete the record; the controllers bootstrap again",
		"switchover 2  MAIN hands over to node 2, or to its standby       (switchover)",
		"",
		"When the controllers refuse to guess, a human decides:",
		"adopt 1       bootstrap with node 1 as MAIN                (adopt --main 1)",
		"promote 1 accept-data-loss    make node 1 MAIN though it may lack writes",
		"To see them refuse, write something, then: pause all; when all are silent:",
		"forget, kill all. Or cut the ✓ node; when it is silent: wipe main.",
		"A node is a number, or main; all but wipe also take all.",
		"● MAIN  ★ leader  ! less safe  ✗ not serving  ↻ restarts",
		"✓ promotable: it holds every acknowledged write",
		"LAG is in transactions behind MAIN. HELD clients wait for a MAIN.",
		"",
		"Logs and data are in " + dir,
	}
}

// Suggestions are complete commands for a cluster of n nodes.
func Suggestions(n int) []string {
	var list []string
	for _, v := range breakers {
		for i := range n {
			list = append(list, fmt.Sprintf("%s %d", v, i))
		}
		list = append(list, string(v)+" main")
	}
	list = append(list, "kill leader", "kill all", "pause all", "resume all", "cut all", "heal all", "forget")
	list = append(list, string(change))
	for i := range n {
		list = append(list, fmt.Sprintf("%s %d", change, i), fmt.Sprintf("adopt %d", i), fmt.Sprintf("promote %d accept-data-loss", i))
	}
	return append(list, "help", "quit")
}
