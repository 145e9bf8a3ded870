//go:build chart

package chart

import (
	"strings"
	"testing"
)

// refusals are values that make no sense, as JSON, and what helm must say: where,
// and what is wrong. Whoever mistypes a value should not find out from a pod.
var refusals = []struct{ set, want string }{
	// Unknown keys, at every level: a typo would be ignored in silence.
	{`unknown=1`, "at '': additional properties 'unknown' not allowed"},
	{`nameOverride="x"`, "at '': additional properties 'nameOverride' not allowed"},
	{`image.digest="x"`, "at '/image': additional properties 'digest' not allowed"},
	{`memgraph.replica=3`, "at '/memgraph': additional properties 'replica' not allowed"},
	{`memgraph.auth.user="x"`, "at '/memgraph/auth': additional properties 'user' not allowed"},
	{`memgraph.persistence.storageClassName="x"`, "at '/memgraph/persistence': additional properties 'storageClassName' not allowed"},
	{`memgraph.prepareNode.tag="x"`, "at '/memgraph/prepareNode': additional properties 'tag' not allowed"},
	{`memgraph.prepareNode.image.name="x"`, "at '/memgraph/prepareNode/image': additional properties 'name' not allowed"},
	{`memgraph.startupProbe.tcpSocket={}`, "at '/memgraph/startupProbe': additional properties 'tcpSocket' not allowed"},
	{`memgraph.updateStrategy.rollingUpdate={"maxUnavailable":2}`, "at '/memgraph/updateStrategy/rollingUpdate': additional properties 'maxUnavailable' not allowed"},
	{`memgraph.pdb.minAvailable=1`, "at '/memgraph/pdb': additional properties 'minAvailable' not allowed"},
	{`memgraph.resources.request={}`, "at '/memgraph/resources': additional properties 'request' not allowed"},
	{`memgraph.podSecurityContext.runAsUsr=1`, "at '/memgraph/podSecurityContext': additional properties 'runAsUsr' not allowed"},
	{`memgraph.serviceAccount.labels={}`, "at '/memgraph/serviceAccount': additional properties 'labels' not allowed"},
	{`memgraph.affinity.podAntiAfinity={}`, "at '/memgraph/affinity': additional properties 'podAntiAfinity' not allowed"},
	{`memgraph.tolerations=[{"kee":"x"}]`, "at '/memgraph/tolerations/0': additional properties 'kee' not allowed"},
	{`memgraph.extraEnv=[{"name":"A","vaule":"b"}]`, "at '/memgraph/extraEnv/0': additional properties 'vaule' not allowed"},
	{`memgraph.extraVolumeMounts=[{"name":"a","mountpath":"/a"}]`, "at '/memgraph/extraVolumeMounts/0': "},
	{`controller.failafter="3s"`, "at '/controller': additional properties 'failafter' not allowed"},
	{`controller.image.registry="x"`, "at '/controller/image': additional properties 'registry' not allowed"},
	{`state.name="x"`, "at '/state': additional properties 'name' not allowed"},
	{`leaderElection.enabled=false`, "at '/leaderElection': additional properties 'enabled' not allowed"},
	{`gateway.tls={}`, "at '/gateway': additional properties 'tls' not allowed"},
	{`gateway.service.ports=[]`, "at '/gateway/service': additional properties 'ports' not allowed"},
	{`rbac.clusterRole=true`, "at '/rbac': additional properties 'clusterRole' not allowed"},
	{`networkPolicy.egress=[]`, "at '/networkPolicy': additional properties 'egress' not allowed"},
	{`networkPolicy.clients=[{"podselector":{}}]`, "at '/networkPolicy/clients/0': additional properties 'podselector' not allowed"},
	{`test.image="x"`, "at '/test': additional properties 'image' not allowed"},

	// Wrong types.
	{`memgraph.replicas="3"`, "at '/memgraph/replicas': got string, want integer"},
	{`memgraph.replicas=2.5`, "at '/memgraph/replicas': got number, want integer"},
	{`controller.enableReadGateway="false"`, "at '/controller/enableReadGateway': got string, want boolean"},
	{`controller.maxLag="many"`, "at '/controller/maxLag': got string, want integer"},
	{`controller.maxLagTime=30`, "at '/controller/maxLagTime': got number, want null or string"},
	{`controller.failAfter=3`, "at '/controller/failAfter': got number, want string"},
	{`image.tag=3.12`, "at '/image/tag': got number, want string"},
	{`controller.image.tag=1`, "at '/controller/image/tag': "},
	{`memgraph.extraArgs="--memory-limit=1"`, "at '/memgraph/extraArgs': got string, want array"},
	{`memgraph.podAnnotations={"a":1}`, "at '/memgraph/podAnnotations/a': got number, want string"},
	{`memgraph.extraEnv=[{"name":"A","value":1}]`, "at '/memgraph/extraEnv/0/value': got number, want string"},
	{`imagePullSecrets=["registry"]`, "at '/imagePullSecrets/0': got string, want object"},
	{`controller="three"`, "at '/controller': got string, want object"},

	// Numbers out of range.
	{`memgraph.replicas=0`, "at '/memgraph/replicas': minimum: got 0, want 1"},
	{`memgraph.replicas=10`, "at '/memgraph/replicas': maximum: got 10, want 9"},
	{`controller.replicas=0`, "at '/controller/replicas': minimum: got 0, want 1"},
	{`controller.replicas=10`, "at '/controller/replicas': maximum: got 10, want 9"},
	{`memgraph.walFlushEveryNTx=0`, "at '/memgraph/walFlushEveryNTx': minimum: got 0, want 1"},
	{`memgraph.keepAside=0`, "at '/memgraph/keepAside': minimum: got 0, want 1"},
	{`memgraph.keepAsideBytes=-1`, "at '/memgraph/keepAsideBytes': minimum: got -1, want 0"},
	{`memgraph.keepAsideBytes="20Gi"`, "at '/memgraph/keepAsideBytes': got string, want integer"},
	{`memgraph.startupProbe.failureThreshold=0`, "at '/memgraph/startupProbe/failureThreshold': minimum: got 0, want 1"},
	{`controller.maxLag=-1`, "at '/controller/maxLag': minimum: got -1, want 0"},
	{`controller.maxLag=1e19`, "at '/controller/maxLag': maximum: "},
	{`controller.pdb.maxUnavailable=-1`, "at '/controller/pdb/maxUnavailable': "},
	{`controller.pdb.maxUnavailable="110%"`, "at '/controller/pdb/maxUnavailable': "},
	{`memgraph.podSecurityContext.runAsUser=-1`, "at '/memgraph/podSecurityContext/runAsUser': minimum: got -1, want 0"},

	// Ports.
	{`memgraph.boltPort=0`, "at '/memgraph/boltPort': minimum: got 0, want 1"},
	{`memgraph.replicationPort=65536`, "at '/memgraph/replicationPort': maximum: got 65,536, want 65,535"},
	{`controller.httpPort=-1`, "at '/controller/httpPort': minimum: got -1, want 1"},
	{`gateway.service.port=70000`, "at '/gateway/service/port': maximum: got 70,000, want 65,535"},
	{`gateway.service.nodePort="31000"`, "at '/gateway/service/nodePort': got string, want null or integer"},
	{`controller.gatewayBindAddress="7687"`, "at '/controller/gatewayBindAddress': '7687' does not match pattern"},
	{`controller.gatewayBindAddress="0.0.0.0:65536"`, "at '/controller/gatewayBindAddress': '0.0.0.0:65536' does not match pattern"},
	{`controller.readGatewayBindAddress="0.0.0.0:0"`, "at '/controller/readGatewayBindAddress': '0.0.0.0:0' does not match pattern"},
	{`controller.gatewayBindAddress="127.0.0.1:7687"`, "at '/controller/gatewayBindAddress': '127.0.0.1:7687' does not match pattern"},
	{`controller.gatewayBindAddress="999.1.1.1:7687"`, "at '/controller/gatewayBindAddress': '999.1.1.1:7687' does not match pattern"},
	{`controller.readGatewayBindAddress="0.0.0.0:7687"`, "controller.readGatewayBindAddress: port 7687 is taken by controller.gatewayBindAddress"},
	{`controller.readGatewayBindAddress="[::]:7687"`, "controller.readGatewayBindAddress: port 7687 is taken by controller.gatewayBindAddress"},
	{`controller.httpPort=7687`, "controller.httpPort: 7687 is taken by a gateway"},
	{`controller.httpPort=7688`, "controller.httpPort: 7688 is taken by a gateway"},
	{`memgraph.replicationPort=7687`, "memgraph.replicationPort: 7687 is taken by memgraph.boltPort"},

	// Durations.
	{`controller.failAfter="3"`, "at '/controller/failAfter': '3' does not match pattern"},
	{`controller.failAfter="-3s"`, "at '/controller/failAfter': '-3s' does not match pattern"},
	{`controller.failAfter="3 s"`, "at '/controller/failAfter': '3 s' does not match pattern"},
	{`controller.failAfter="3d"`, "at '/controller/failAfter': '3d' does not match pattern"},
	{`controller.failAfter=""`, "at '/controller/failAfter': '' does not match pattern"},
	{`controller.bootstrapTimeout="99999999h"`, "at '/controller/bootstrapTimeout': '99999999h' does not match pattern"},
	{`controller.failAfter="499ms"`, "controller.failAfter: 499ms: want at least 500ms"},
	{`controller.bootstrapTimeout="0.5s"`, "controller.bootstrapTimeout: 0.5s: want at least 1s"},
	{`controller.reconcileInterval="10ms"`, "controller.reconcileInterval: 10ms: want at least 1s"},
	{`controller.gatewayHoldTimeout="0s"`, "controller.gatewayHoldTimeout: 0s: want at least 100ms"},
	{`controller.gatewayDrainTimeout="25s"`, "controller.gatewayDrainTimeout: 25s: want more than 5s less than controller.terminationGracePeriodSeconds, which is 30"},
	{`controller.terminationGracePeriodSeconds=15`, "controller.gatewayDrainTimeout: 10s: want more than 5s less than controller.terminationGracePeriodSeconds, which is 15"},
	{`controller.gatewayMaxConnections=0`, "at '/controller/gatewayMaxConnections'"},
	{`controller.gatewayRateLimit.rps=0`, "at '/controller/gatewayRateLimit/rps': minimum: got 0, want 1"},
	{`controller.gatewayTLS.clientCertificates=true`, "controller.gatewayTLS.clientCertificates: true without controller.gatewayTLS.secretName: want a Secret, with the authorities in ca.crt"},
	{`controller.gatewayTLS.secretName="A"`, "at '/controller/gatewayTLS/secretName'"},
	{`controller.seatWait="3001ms"`, "controller.seatWait: 3001ms: want at most controller.failAfter, which is 3s"},
	{`memgraph.prestopTimeout="soon"`, "at '/memgraph/prestopTimeout': 'soon' does not match pattern"},
	{`memgraph.prestopTimeout="55001ms"`, "memgraph.terminationGracePeriodSeconds: 60: want at least 5 more than memgraph.prestopTimeout, which is 55001ms"},
	{`memgraph.terminationGracePeriodSeconds=14`, "memgraph.terminationGracePeriodSeconds: 14: want at least 5 more than memgraph.prestopTimeout, which is 10s"},
	{`memgraph.terminationGracePeriodSeconds=0`, "at '/memgraph/terminationGracePeriodSeconds': minimum: got 0, want 1"},
	{`test.timeout="0s"`, "test.timeout: 0s: want at least 1s"},

	// The lease.
	{`leaderElection.leaseDuration="15"`, "at '/leaderElection/leaseDuration': '15' does not match pattern"},
	{`leaderElection.leaseDuration="15500ms"`, "leaderElection.leaseDuration: 15500ms: want whole seconds, at least 1s"},
	{`leaderElection.leaseDuration="0s"`, "leaderElection.leaseDuration: 0s: want whole seconds, at least 1s"},
	{`leaderElection.leaseDuration="10s"`, "leaderElection.renewDeadline: 10s: want at most leaderElection.leaseDuration less 1s, and that is 10s"},
	{`leaderElection.renewDeadline="14001ms"`, "leaderElection.renewDeadline: 14001ms: want at most leaderElection.leaseDuration less 1s, and that is 15s"},
	{`leaderElection.renewDeadline="2.4s"`, "leaderElection.retryPeriod: 2s: want at least 1ms and less than leaderElection.renewDeadline / 1.2, and that is 2.4s"},
	{`leaderElection.retryPeriod="9s"`, "leaderElection.retryPeriod: 9s: want at least 1ms and less than leaderElection.renewDeadline / 1.2, and that is 10s"},
	{`leaderElection.retryPeriod="0s"`, "leaderElection.retryPeriod: 0s: want at least 1ms"},

	// Names.
	{`fullnameOverride="Graph"`, "at '/fullnameOverride': 'Graph' does not match pattern"},
	{`fullnameOverride="1st"`, "at '/fullnameOverride': '1st' does not match pattern"},
	{`fullnameOverride="graph-"`, "at '/fullnameOverride': 'graph-' does not match pattern"},
	{`fullnameOverride="a2345678901234567890123456789012345678901234"`, `fullnameOverride: "a2345678901234567890123456789012345678901234" has 44 characters`},
	{`state.configMapName=""`, "at '/state/configMapName': '' does not match pattern"},
	{`state.configMapName="a_b"`, "at '/state/configMapName': 'a_b' does not match pattern"},
	{`state.configMapName="a..b"`, "at '/state/configMapName': 'a..b' does not match pattern"},
	{`state.configMapName="mg-memgraph-init"`, "state.configMapName: mg-memgraph-init is the ConfigMap of the init file"},
	{`leaderElection.leaseName="Leader"`, "at '/leaderElection/leaseName': 'Leader' does not match pattern"},
	{`controller.appName="a.b"`, "at '/controller/appName': 'a.b' does not match pattern"},
	{`memgraph.auth.existingSecret="My Secret"`, "at '/memgraph/auth/existingSecret': "},
	{`memgraph.auth.userKey=""`, "at '/memgraph/auth/userKey': '' does not match pattern"},
	{`imagePullSecrets=[{"name":"a b"}]`, "at '/imagePullSecrets/0/name': 'a b' does not match pattern"},
	{`image.repository=""`, "at '/image/repository': '' does not match pattern"},
	{`image.repository="memgraph/memgraph:3.12.0"`, "at '/image/repository': 'memgraph/memgraph:3.12.0' does not match pattern"},
	{`image.tag=""`, "at '/image/tag': '' does not match pattern"},
	{`controller.image.tag="v1 "`, "at '/controller/image/tag': "},
	{`memgraph.priorityClassName="High!"`, "at '/memgraph/priorityClassName': "},
	{`commonLabels={"team":"a b"}`, "at '/commonLabels/team': 'a b' does not match pattern"},
	{`commonLabels={"a b":"c"}`, "at '/commonLabels': additional properties 'a b' not allowed"},
	{`memgraph.serviceAccount.name="mg-controller"`, "memgraph.serviceAccount.name: mg-controller is the controller's ServiceAccount"},
	{`controller.serviceAccount.create=false`, "controller.serviceAccount.name: want a name"},

	// Choices.
	{`controller.durability="sometimes"`, "at '/controller/durability': value must be one of 'available', 'strict'"},
	{`controller.logLevel="trace"`, "at '/controller/logLevel': value must be one of 'debug', 'info', 'warn', 'error'"},
	{`controller.logFormat="xml"`, "at '/controller/logFormat': value must be one of 'text', 'json'"},
	{`memgraph.logLevel="warning"`, "at '/memgraph/logLevel': value must be one of"},
	{`memgraph.spread="medium"`, "at '/memgraph/spread': value must be one of 'soft', 'hard', 'none'"},
	{`memgraph.persistence.accessModes=["ReadWriteMany"]`, "at '/memgraph/persistence/accessModes/0': value must be one of 'ReadWriteOnce', 'ReadWriteOncePod'"},
	{`memgraph.persistence.accessModes=[]`, "at '/memgraph/persistence/accessModes': minItems: got 0, want 1"},
	{`memgraph.persistence.whenDeleted="Recycle"`, "at '/memgraph/persistence/whenDeleted': value must be one of 'Retain', 'Delete'"},
	{`memgraph.updateStrategy.type="Recreate"`, "at '/memgraph/updateStrategy/type': value must be one of 'RollingUpdate', 'OnDelete'"},
	{`image.pullPolicy="Sometimes"`, "at '/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'"},
	{`gateway.service.type="ExternalName"`, "at '/gateway/service/type': value must be one of 'ClusterIP', 'NodePort', 'LoadBalancer'"},
	{`memgraph.tolerations=[{"effect":"Never"}]`, "at '/memgraph/tolerations/0/effect': value must be one of"},

	// Quantities, paths, networks.
	{`memgraph.persistence.size="10GB"`, "at '/memgraph/persistence/size': '10GB' does not match pattern"},
	{`memgraph.persistence.size="10K"`, "at '/memgraph/persistence/size': '10K' does not match pattern"},
	{`memgraph.persistence.size="0Gi"`, "at '/memgraph/persistence/size': '0Gi' does not match pattern"},
	{`memgraph.resources.requests.memory="lots"`, "at '/memgraph/resources/requests/memory': 'lots' does not match pattern"},
	{`controller.resources.limits.memory="256MB"`, "at '/controller/resources/limits/memory': '256MB' does not match pattern"},
	{`memgraph.dataDirectory="/data"`, "at '/memgraph/dataDirectory': '/data' does not match pattern"},
	{`memgraph.dataDirectory="/var/lib/memgraph/../x"`, "at '/memgraph/dataDirectory': '/var/lib/memgraph/../x' does not match pattern"},
	{`networkPolicy.clients=[{}]`, "at '/networkPolicy/clients/0': minProperties: got 0, want 1"},
	{`networkPolicy.direct=[{"ipBlock":{}}]`, "at '/networkPolicy/direct/0/ipBlock': missing property 'cidr'"},
	{`networkPolicy.direct=[{"ipBlock":{"cidr":"10.0.0.0/8"},"podSelector":{}}]`, "at '/networkPolicy/direct/0': maxProperties: got 2, want 1"},
	{`networkPolicy.monitoring=[{"ipBlock":{"cidr":"10.0.0.1"}}]`, "at '/networkPolicy/monitoring/0/ipBlock/cidr': '10.0.0.1' does not match pattern"},

	// null takes a value away that manifests cannot do without.
	{`memgraph.boltPort=null`, "at '/memgraph': missing property 'boltPort'"},
	{`memgraph.persistence.size=null`, "at '/memgraph/persistence': missing property 'size'"},
	{`memgraph.pdb.maxUnavailable=null`, "at '/memgraph/pdb': missing property 'maxUnavailable'"},
	{`controller.httpPort=null`, "at '/controller': missing property 'httpPort'"},
	{`controller.failAfter=null`, "at '/controller': missing property 'failAfter'"},
	{`leaderElection.retryPeriod=null`, "at '/leaderElection': missing property 'retryPeriod'"},
	{`gateway.readService.port=null`, "at '/gateway/readService': missing property 'port'"},
	{`rbac.create=null`, "at '/rbac': missing property 'create'"},
	{`state=null`, "at '': missing property 'state'"},

	// Flags of Memgraph that the chart sets, however they are written, or that break it.
	{`memgraph.extraArgs=["--bolt-port=1"]`, "memgraph.extraArgs: --bolt-port is set by the chart"},
	{`memgraph.extraArgs=["--storage_wal_enabled=false"]`, "memgraph.extraArgs: --storage-wal-enabled is set by the chart"},
	{`memgraph.extraArgs=["--nostorage-wal-enabled"]`, "memgraph.extraArgs: --nostorage-wal-enabled is set by the chart"},
	{`memgraph.extraArgs=["--init-file=/x"]`, "memgraph.extraArgs: --init-file is set by the chart"},
	{`memgraph.extraArgs=["--replication-restore-state-on-startup=false"]`, "memgraph.extraArgs: --replication-restore-state-on-startup is set by the chart"},
	{`memgraph.extraArgs=["--data-directory=/x"]`, "memgraph.extraArgs: --data-directory is set by the chart"},
	{`memgraph.extraArgs=["--storage-mode=IN_MEMORY_ANALYTICAL"]`, "memgraph.extraArgs: --storage-mode cannot be used here: only IN_MEMORY_TRANSACTIONAL"},
	{`memgraph.extraArgs=["--bolt-cert-file=/x"]`, "memgraph.extraArgs: --bolt-cert-file is set by the chart, because failover depends on it, or has a value of its own"},
	{`memgraph.tls.secretName="A"`, "at '/memgraph/tls/secretName'"},
	{`memgraph.tls=null`, "at '/memgraph'"},
	{`memgraph.extraArgs=["--flagfile=/x"]`, "memgraph.extraArgs: --flagfile cannot be used here"},
	{`memgraph.extraArgs=["memory-limit=1"]`, "at '/memgraph/extraArgs/0': 'memory-limit=1' does not match pattern"},
	{`memgraph.extraArgs=["-bolt-port=1"]`, "at '/memgraph/extraArgs/0': '-bolt-port=1' does not match pattern"},
	{`memgraph.extraArgs=["--memory-limit 1"]`, "at '/memgraph/extraArgs/0': '--memory-limit 1' does not match pattern"},

	// What the chart has already.
	{`controller.extraEnv=[{"name":"FAIL_AFTER","value":"1s"}]`, "controller.extraEnv: FAIL_AFTER is set by the chart, from a value of its own"},
	{`controller.extraEnv=[{"name":"NAMESPACE","value":"x"}]`, "controller.extraEnv: NAMESPACE is set by the chart"},
	{`controller.extraEnv=[{"name":"A","value":"1"},{"name":"A","value":"2"}]`, "controller.extraEnv: name A is there already"},
	{`controller.extraEnv=[{"value":"1"}]`, "at '/controller/extraEnv/0': missing property 'name'"},
	{`memgraph.extraEnv=[{"name":"STATUS_URL","value":"x"}]`, "memgraph.extraEnv: STATUS_URL is set by the chart"},
	{`memgraph.extraVolumes=[{"name":"data","emptyDir":{}}]`, "memgraph.extraVolumes: name data is there already"},
	{`memgraph.extraVolumeMounts=[{"name":"x","mountPath":"/var/lib/memgraph/"}]`, "memgraph.extraVolumeMounts: mountPath /var/lib/memgraph is there already"},
	{`memgraph.extraVolumeMounts=[{"name":"x","mountPath":"tmp"}]`, "at '/memgraph/extraVolumeMounts/0/mountPath': 'tmp' does not match pattern"},
	{`commonLabels={"app.kubernetes.io/version":"1"}`, "commonLabels: app.kubernetes.io/version is set by the chart"},
	{`memgraph.podLabels={"app.kubernetes.io/component":"x"}`, "memgraph.podLabels: app.kubernetes.io/component is set by the chart"},
	{`controller.podLabels={"app.kubernetes.io/name":"x"}`, "controller.podLabels: app.kubernetes.io/name is set by the chart"},

	// Services.
	{`gateway.service.nodePort=31000`, "gateway.service.nodePort: 31000 needs gateway.service.type NodePort or LoadBalancer, and that is ClusterIP"},
	{`gateway.readService.externalTrafficPolicy="Local"`, "gateway.readService.externalTrafficPolicy: Local needs gateway.readService.type NodePort or LoadBalancer"},
	{`gateway.service.loadBalancerClass="x"`, "gateway.service.loadBalancerClass: x needs gateway.service.type LoadBalancer, and that is ClusterIP"},
	{`gateway.service.loadBalancerSourceRanges=["10.0.0.0/8"]`, "gateway.service.loadBalancerSourceRanges: [10.0.0.0/8] needs gateway.service.type LoadBalancer"},
	{`gateway={"service":{"type":"NodePort","nodePort":31000},"readService":{"type":"NodePort","nodePort":31000}}`, "gateway.readService.nodePort: 31000 is taken by gateway.service.nodePort"},
}

func TestRefused(t *testing.T) {
	for _, r := range refusals {
		t.Run(r.set, func(t *testing.T) {
			t.Parallel()
			_, err := template(t, chartDir, "mg", "graph", "--set-json", r.set)
			if err == nil || !strings.Contains(err.Error(), r.want) {
				t.Errorf("%s gives %v\nwant %s", r.set, err, r.want)
			}
		})
	}
}

// A release's name is the beginning of names of Services, if nothing else is said.
func TestRefusedReleases(t *testing.T) {
	for release, want := range map[string]string{
		"1": "want a letter first", "a.b": "no dots", strings.Repeat("a", 44): "has 44 characters",
	} {
		if _, err := template(t, chartDir, release, "graph"); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--set fullnameOverride=NAME") {
			t.Errorf("release %s gives %v\nwant %s, and what to do", release, err, want)
		}
	}
}
