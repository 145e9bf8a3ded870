package metrics

// What a replica tells of itself.
var (
	buildInfo = gauge("memgraph_controller_build_info",
		"Always 1, with the version of the controller.", "version")
	isLeader = gauge("memgraph_controller_is_leader",
		"1 while this replica leads and its lease surely holds, 0 otherwise.")
	leadershipChanges = counter("memgraph_controller_leadership_changes_total",
		"How often this replica has begun or ceased to lead.")
	elections = counter("memgraph_controller_elections_total",
		"How often this replica has won the lease.")
	phase = gauge("memgraph_controller_phase",
		"1 for the phase this replica sees: BOOTSTRAP (there is no record), OPERATIONAL, or UNKNOWN (the API server has not told it yet); 0 for the others.", "phase")
	lagLimit = gauge("memgraph_controller_max_lag_timestamps",
		"How far a replica may be behind MAIN and still be read from (MAX_LAG).")
	lagTimeLimit = gauge("memgraph_controller_max_lag_seconds",
		"For how long MAIN may have had more than a replica that is still read from (MAX_LAG_TIME). Absent if there is no such limit.")
	leaseAge = gauge("memgraph_controller_lease_age_seconds",
		"How long ago the lease was last renewed. It is given up at RENEW_DEADLINE. Absent unless this replica leads.")

	replicaFamilies = []*family{buildInfo, isLeader, leadershipChanges, elections, phase, lagLimit, lagTimeLimit, leaseAge}
)

// What the loop of a leader does. Counted as it happens.
var (
	passes = counter("memgraph_controller_reconciliations_total",
		"Passes of the loop: looks at what is known, and acts if something is to be done. Some a second while this replica leads.")
	passesGood = counter("memgraph_controller_reconciliations_successful_total",
		"Passes in which the record could be read and written.")
	passesBad = counter("memgraph_controller_reconciliations_failed_total",
		"Passes that ended because the record could not be read or written.")
	passTime = histogram("memgraph_controller_reconciliation_duration_seconds",
		"How long passes took, with the steps taken in them.", []float64{.001, .005, .01, .05, .1, .5, 1, 5})
	errorCount = counter("memgraph_controller_errors_total",
		"Errors by type: record_conflict (somebody else wrote the record), record (it could not be read or written), step (a step failed).", "type")
	errorTime = gauge("memgraph_controller_last_error_timestamp",
		"When an error of this type last happened, in seconds since 1970. Absent before the first.", "type")
	recordWrites = counter("memgraph_controller_record_writes_total",
		"Records this replica has written.")
	steps = counter("memgraph_controller_steps_total",
		"Steps tried by kind and result: done, or the class of the failure.", "step", "result")
	stepTime = histogram("memgraph_controller_step_duration_seconds",
		"How long steps took, done or not. Absent for a kind before its first.", turnBuckets, "step")
	decisions = counter("memgraph_controller_decisions_total",
		"Decisions by the rule they came from and by what they came to: a record written, a step taken, a request answered and nothing else done (refused, mostly), or a wait. "+
			"Rule steady waits while all is well, doubt while it is too early to call MAIN lost; none is the loop's own: it has no record or no lease, or asks the other controllers first. Absent for a pair before its first, but for records.",
		"rule", "outcome")

	loopFamilies = []*family{passes, passesGood, passesBad, passTime, decisions, errorCount, errorTime, recordWrites, steps, stepTime}
)

// What client-go asks the API server. Counted as it happens.
var (
	apiRequests = counter("memgraph_controller_api_requests_total",
		"Requests to the API server by HTTP verb and status code, <error> if there was no answer. Absent for a pair before its first.", "verb", "code")
	apiTime = histogram("memgraph_controller_api_request_duration_seconds",
		"How long the API server took to answer, by HTTP verb. A watch counts until its answer begins. Absent for a verb before its first.",
		[]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2, 4}, "verb")
	apiThrottled = counter("memgraph_controller_api_throttled_seconds_total",
		"How long requests waited for this replica's own limit of requests a second, in all.")

	apiFamilies = []*family{apiRequests, apiTime, apiThrottled}
)

// What the record says.
var (
	recordEpoch = gauge("memgraph_record_epoch",
		"The epoch: one more with every reign.")
	recordStage = gauge("memgraph_record_stage",
		"1 for the stage of the reign, 0 for the others. Clients are let to MAIN in serving, and wait for a moment in quiescing.", "stage")
	recordMain = gauge("memgraph_record_main",
		"1 for the node that is to be MAIN; the others are absent.", "node")
	recordStandby = gauge("memgraph_record_standby",
		"1 for the node that has the standby seat; absent while it is empty.", "node")
	recordPromotable = gauge("memgraph_record_promotable_nodes",
		"Nodes besides MAIN that are proven to hold every acknowledged write. At 0 the loss of MAIN's disk loses data.")
	recordReaders = gauge("memgraph_record_readers",
		"Replicas that the read-only door leads to.")
	recordRebuilds = gauge("memgraph_record_rebuilds",
		"Nodes whose data is to be moved aside.")
	recordPaused = gauge("memgraph_record_paused",
		"1 while decisions are paused by request: nobody fails over; 0 otherwise.")
	recordUpdated = gauge("memgraph_record_last_update_timestamp_seconds",
		"When the record was last written, in seconds since 1970, by the clock of the leader that did. Absent if it does not say. A quiet cluster writes nothing.")

	recordFamilies = []*family{
		recordEpoch, recordStage, recordMain, recordStandby, recordPromotable, recordReaders, recordRebuilds, recordPaused, recordUpdated,
	}
)

// What the leader knows of the cluster.
var (
	clusterState = gauge("memgraph_cluster_state",
		"1 if MAIN serves as recorded and no alarm is on, 0 otherwise.")
	clusterSettled = gauge("memgraph_cluster_settled",
		"1 if MAIN serves as recorded and nothing is waited for, 0 while the leader acts, waits or refuses.")
	clusterRecordError = gauge("memgraph_cluster_record_error",
		"1 while the leader cannot read or write the record, 0 otherwise.")
	clusterStandby = gauge("memgraph_cluster_sync_replica_healthy",
		"1 if the node in the standby seat is proven and MAIN replicates to it now, 0 otherwise.")
	clusterPods = gauge("memgraph_cluster_pods_total",
		"Nodes the cluster has by its configuration.")
	clusterHealthy = gauge("memgraph_cluster_pods_healthy",
		"Nodes that answer.")
	clusterCondition = gauge("memgraph_cluster_condition",
		"1 for each condition that is on, the others are absent. Severity is notice, warning or alarm; node is empty if it concerns the cluster.", "name", "severity", "node")
	lastPass = gauge("memgraph_controller_last_reconciliation_timestamp",
		"When the loop last ended a pass, in seconds since 1970. About once a second at least, unless a step takes longer.")

	clusterFamilies = []*family{
		clusterState, clusterSettled, clusterRecordError, clusterStandby, clusterPods, clusterHealthy, clusterCondition, lastPass,
	}
)

// turnBuckets are for what takes Memgraph some 10 to 200 ms, and much longer if something is wrong.
var turnBuckets = []float64{.02, .05, .1, .2, .5, 1, 2, 5, 10, 30, 60}

// partBuckets are for parts of that.
var partBuckets = []float64{.002, .01, .05, .1, .2, .5, 1, 2, 5}

// How reigns change. Counted as it happens.
var (
	mainChanges = counter("memgraph_cluster_main_changes_total",
		"How often another node became MAIN.")
	promotions = counter("memgraph_cluster_promotions_total",
		"New reigns by cause: bootstrap, failover (another node follows a lost MAIN), restart (the same node follows itself), "+
			"switchover (a MAIN that lives hands over: it was told to stop, or a human asked for a switchover), refresh (a fresh epoch for the same MAIN), cure (MAIN is promoted again because all survivors refused it), "+
			"request (a human named the MAIN: promote or adopt), resumed (a leader that is gone began it).", "cause")
	promotionTime = histogram("memgraph_cluster_promotion_duration_seconds",
		"How long the record kept clients from MAIN: from the record that ended one reign, or had new work held so that it could end, to the one that serves. "+
			"The time until a lost MAIN is noticed comes before that. "+
			"Never there for resumed.", turnBuckets, "cause")

	promotionPart = histogram("memgraph_cluster_promotion_part_duration_seconds",
		"What the time of memgraph_cluster_promotion_duration_seconds was spent on, by part: a kind of step (promote, mark, register, …), record (reading and writing it), inform (having every gateway hear of it), "+
			"look (at the node a step has changed), and wait (until a node answers, catches up, or has ended what it began). The parts of one promotion add up to it. Absent before the first of a cause, but for failover and switchover.", partBuckets, "cause", "part")
	detectionDelay = histogram("memgraph_cluster_detection_delay_seconds",
		"How long it took to notice and record that MAIN was lost: from when its process ended, or from its last answer if nobody saw that, to the record that ended its reign. "+
			"With memgraph_cluster_promotion_duration_seconds this is all that clients waited. Cause is failover or restart.", turnBuckets, "cause")
	unprotected = counter("memgraph_cluster_unprotected_seconds_total",
		"For how long this replica has led a cluster whose MAIN acknowledged writes that no other node was proven to hold: the time with condition Unprotected.")

	turnFamilies = []*family{mainChanges, promotions, promotionTime, promotionPart, detectionDelay, unprotected}
)

// What the leader sees of each node.
var (
	nodeUp = gauge("memgraph_node_up",
		"1 if the node answered when it was last asked, 0 otherwise.", "node")
	nodeContact = gauge("memgraph_node_contact",
		"1 for how the last question to the node ended: answered, refused, silent, foreign or not probed; the others are absent.", "node", "contact")
	nodeRole = gauge("memgraph_node_role",
		"1 for the role the node claims: main, replica or unknown. Absent while it does not answer.", "node", "role")
	nodeInSync = gauge("memgraph_node_in_sync",
		"1 if the node is MAIN, or follows closely while MAIN has a proven standby; 0 otherwise. The readiness gate of its pod says the same.", "node")
	nodeReplication = gauge("memgraph_node_replication",
		"1 for how MAIN lists the replica: mode is async, sync or strict_sync, status is ready, replicating, recovery, invalid, diverged, ghost or unknown. Absent if MAIN does not list it or does not answer.",
		"node", "mode", "status")
	nodeBehind = gauge("memgraph_node_behind_timestamps",
		"How many timestamps MAIN says the replica is behind; negative if it is ahead. Absent if MAIN does not list it or does not answer.", "node")
	nodeVertices = gauge("memgraph_node_vertices",
		"Vertices the node says it holds. Absent while it does not answer.", "node")
	nodeEdges = gauge("memgraph_node_edges",
		"Edges the node says it holds. Absent while it does not answer.", "node")
	nodeInfo = gauge("memgraph_node_info",
		"Always 1, with the version of Memgraph. Absent while it is not known.", "node", "version")
	nodeLag = gauge("memgraph_node_lag_seconds",
		"For how long MAIN has had more than the replica, as this leader has seen it, to half a second; 0 if the replica has all. Absent if MAIN does not list it, does not know how far it is, or does not answer.", "node")
	nodeResident = gauge("memgraph_node_memory_resident_bytes",
		"Memory the node's process occupies (memory_res), as the node says."+figures, "node")
	nodeTracked = gauge("memgraph_node_memory_tracked_bytes",
		"Memory the node counts against its limit (memory_tracked), as the node says."+figures, "node")
	nodeLimit = gauge("memgraph_node_memory_limit_bytes",
		"How much it may be: beyond it the node refuses writes (allocation_limit, from 3.11 on memory_limit). Absent also if there is no limit."+figures, "node")
	nodeDisk = gauge("memgraph_node_disk_bytes",
		"Bytes of the node's database on disk (disk_usage), as the node says."+figures, "node")
	nodeDeltas = gauge("memgraph_node_unreleased_deltas",
		"Old versions of data that the node keeps for transactions that are open (unreleased_delta_objects): one that is never ended makes this, and memory, grow."+figures, "node")
	nodeTransactions = gauge("memgraph_node_transactions",
		"Transactions open at the node, as far as the controller's user sees them, without the question itself."+figures, "node")

	nodeFamilies = []*family{
		nodeUp, nodeContact, nodeRole, nodeInSync, nodeReplication, nodeBehind, nodeLag, nodeVertices, nodeEdges, nodeInfo,
		nodeResident, nodeTracked, nodeLimit, nodeDisk, nodeDeltas, nodeTransactions,
	}
)

// figures is what holds of all that a node says of itself.
const figures = " Asked every few seconds; absent while the node does not answer, or does not say."

// How nodes answer. Counted as it happens.
var (
	probeTime = histogram("memgraph_node_probe_duration_seconds",
		"How long looks took that the node answered: all questions of one look, over Bolt. A node that answers none within a second is silent, and does not count.",
		[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1}, "node")

	probeFamilies = []*family{probeTime}
)

// What a gateway does.
var (
	gatewayServing = gauge("memgraph_gateway_serving",
		"1 if a client that came now would be led to a MAIN that says it is MAIN, at once or after a pause of a moment; 0 while clients are held.")
	gatewayState = gauge("memgraph_gateway_state",
		"1 for what the record lets this gateway do, open, paused, draining or closed; 0 for the others.", "state")
	gatewayMain = gauge("memgraph_gateway_main",
		"1 for the node this gateway leads read/write clients to; absent before it was told of any.", "node")
	gatewaySessions = gauge("memgraph_gateway_sessions",
		"Open sessions by node and door: write or read.", "node", "door")
	gatewayStates = gauge("memgraph_gateway_session_states",
		"Open sessions by what they are doing: nothing (idle), something (busy), or not known, carried as plain TCP (plain).", "state")
	gatewayEnded = counter("memgraph_gateway_sessions_ended_total",
		"Sessions the gateway has ended for their clients' sake: they asked nothing for too long (idle), received nothing for too long (stalled), or did not come to terms about TLS (tls).", "reason")
	gatewayActive = gauge("memgraph_gateway_connections_active",
		"Clients connected now, those that are held included.")
	gatewayHeld = gauge("memgraph_gateway_held_clients",
		"Clients that wait for a MAIN, or for a server that can be reached.")
	gatewayTotal = counter("memgraph_gateway_connections_total",
		"Clients that have come, those turned away included.")
	gatewayErrors = counter("memgraph_gateway_connection_errors_total",
		"Clients closed at once because of a limit (limit), clients closed after they were held for too long (hold_timeout), and vain tries to reach a server for a client (dial).", "reason")
	gatewayCut = counter("memgraph_gateway_sessions_cut_total",
		"Sessions the gateway has taken from their node: it is MAIN no more, is gone, or is not fit for reading.")
	gatewayMoved = counter("memgraph_gateway_sessions_moved_total",
		"Sessions that went on at another node, unnoticed by their driver: nothing was open in them.")
	gatewayFailed = counter("memgraph_gateway_sessions_failed_total",
		"Sessions whose driver was told by a Bolt failure what became of what was open in them.")
	gatewayPlain = counter("memgraph_gateway_sessions_plain_total",
		"Sessions carried as plain TCP: they do not begin as Bolt does, or agreed on a version that is not known.")
	gatewayBytes = counter("memgraph_gateway_bytes_transferred_total",
		"Bytes carried so far, of sessions that go on too: sent to Memgraph, or received from it.", "direction")

	gatewayFamilies = []*family{
		gatewayServing, gatewayState, gatewayMain, gatewaySessions, gatewayStates, gatewayEnded, gatewayActive, gatewayHeld, gatewayTotal, gatewayErrors, gatewayCut, gatewayMoved, gatewayFailed, gatewayPlain, gatewayBytes,
	}
)

// How long a gateway holds. Counted as it happens.
var (
	answerTime = histogram("memgraph_gateway_first_answer_seconds",
		"How long a node took, as the gateway saw it, until it began to answer what a client asked while nothing else was waited for.",
		[]float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}, "node", "door")
	holdTime = histogram("memgraph_gateway_hold_duration_seconds",
		"How long clients were held, whatever came of it. Clients that never had to wait do not count.", []float64{.01, .05, .1, .2, .5, 1, 2, 5, 10, 30})

	doorFamilies = []*family{holdTime, answerTime}
)
