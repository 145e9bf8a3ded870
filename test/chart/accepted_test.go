//go:build chart

package chart

import (
	"strings"
	"testing"
)

// acceptances are values at the edge of what makes sense: a schema that is too
// strict is as bad as one that lets everything pass.
var acceptances = []string{
	`memgraph.replicas=1`, `memgraph.replicas=9`, `controller.replicas=1`, `controller.replicas=9`,
	`memgraph.boltPort=1`, `memgraph.boltPort=65535`, `controller.httpPort=9090`,
	`controller.gatewayBindAddress=":7687"`, `controller.gatewayBindAddress="[::]:65535"`, `controller.gatewayBindAddress="0.0.0.0:1"`,
	`memgraph.dataDirectory="/var/lib/memgraph"`, `memgraph.dataDirectory="/var/lib/memgraph/my-data_2"`,
	`memgraph.walFlushEveryNTx=1`, `memgraph.walFlushEveryNTx=1000000`, `memgraph.keepAside=100`, `memgraph.keepAsideBytes=1000000000000000`,
	`memgraph.extraArgs=["--memory-limit=4096","--telemetry-enabled=false","--log-retention-days=7","--query-modules-directory=/a,/b c"]`,
	`memgraph.persistence.size="500G"`, `memgraph.persistence.size="1.5Ti"`, `memgraph.persistence.size="10737418240"`, `memgraph.persistence.storageClass="fast.ssd"`,
	`memgraph.prestopTimeout="0s"`, `memgraph.prestopTimeout="55s"`, `memgraph.terminationGracePeriodSeconds=15`, `memgraph.terminationGracePeriodSeconds=3600000`,
	`memgraph.readinessGate=false`, `memgraph.updateStrategy={"type":"OnDelete"}`, `memgraph.pdb.maxUnavailable=0`, `memgraph.pdb.maxUnavailable="50%"`,
	`memgraph.podSecurityContext.runAsUser=1000680000`, `memgraph.podSecurityContext.seccompProfile={"type":"Localhost","localhostProfile":"a.json"}`,
	`memgraph.resources={"requests":{"cpu":1,"memory":"0.5Gi","ephemeral-storage":"1Gi"},"limits":{"memory":"1Gi","example.com/gpu":"1"}}`,
	`memgraph.serviceAccount.create=false`, `memgraph.auth.existingSecret="a.b-c"`,
	`memgraph.affinity={"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"a","operator":"Exists"}]}]}}}`,
	`memgraph.tolerations=[{"key":"a","operator":"Exists","effect":"NoExecute","tolerationSeconds":60}]`,
	`memgraph.extraEnv=[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"spec.nodeName"}}}]`,
	`memgraph.spread="none"`, `controller.spread="hard"`,
	`controller.failAfter="500ms"`, `controller.failAfter="1m30.5s"`, `controller.seatWait="0s"`, `controller.seatWait="3s"`, `controller.standbyGrace="0s"`,
	`controller.standbyGrace=null`, `controller.bootstrapTimeout="1h"`, `controller.gatewayHoldTimeout="100ms"`, `controller.reconcileInterval="1s"`,
	`controller.gatewayMaxConnections=1`, `controller.gatewayMaxConnectionsPerAddress=0`, `controller.gatewayDrainTimeout="24s"`, `controller.gatewayIdleTimeout="0s"`,
	`controller.gatewayRateLimit.enabled=true`, `controller.gatewayTLS.secretName="doors"`, `memgraph.tls.secretName="nodes"`, `controller.gatewayTLS={"secretName":"doors","clientCertificates":true}`,
	`controller.maxLag=0`, `controller.maxLag=9000000000`, `controller.maxLagTime="1m"`, `controller.maxLagTime=""`, `controller.durability="strict"`, `controller.logLevel="error"`, `controller.logFormat="json"`,
	`controller.appName="0"`, `controller.appName=null`, `controller.extraEnv=[{"name":"GATEWAY_HOLD_TIMEOUT","value":"5s"}]`,
	`controller.enableReadGateway=false`, `controller={"enableReadGateway":false,"readGatewayBindAddress":":7687"}`,
	`controller.image={"repository":"localhost:5000/a/b_c.d-e","tag":"sha-0123456789"}`, `image.repository="memgraph"`, `image.tag="3.12.0-rc_1"`,
	`controller.serviceAccount={"create":false,"name":"somebody"}`, `controller={"serviceAccount":{"create":false}}`,
	`leaderElection.leaseDuration="60s"`, `leaderElection.renewDeadline="14s"`, `leaderElection.retryPeriod="8.333s"`, `leaderElection.leaseName="a.b-1"`,
	`leaderElection={"leaseDuration":"1m","renewDeadline":"40s","retryPeriod":"500ms"}`,
	`state.configMapName="0"`, `state.configMapName="a.b.c"`, `fullnameOverride="a"`, `fullnameOverride="a234567890123456789012345678901234567890123"`,
	`commonLabels={"example.com/team":"Graph_1.2","empty":""}`, `memgraph.podLabels={"a":"b"}`, `imagePullSecrets=[{"name":"a"},{"name":"b"}]`,
	`gateway.service={"type":"NodePort","nodePort":31000,"externalTrafficPolicy":"Local"}`, `gateway.service={"type":"LoadBalancer","loadBalancerSourceRanges":["10.0.0.0/8"]}`,
	`networkPolicy={"enabled":true}`, `networkPolicy={"enabled":true,"direct":[{"podSelector":{}}],"clients":[{"ipBlock":{"cidr":"0.0.0.0/0","except":["10.0.0.0/8"]}}]}`,
	`networkPolicy={"enabled":true,"monitoring":[{"namespaceSelector":{},"podSelector":{"matchLabels":{"a":"b"}}}]}`,
	`rbac.create=false`, `test.timeout="1s"`, `global={"anything":1}`,
}

// What is accepted must be of use too: to Kubernetes, and to the programs.
func TestAccepted(t *testing.T) {
	texts := make(chan string, len(acceptances))
	t.Run("values", func(t *testing.T) {
		for _, set := range acceptances {
			t.Run(set, func(t *testing.T) {
				t.Parallel()
				flags := []string{"--set-json", set}
				if set == `controller={"serviceAccount":{"create":false}}` {
					flags = append(flags, "--set", "rbac.create=false") // without rights any account will do
				}
				r := with(t, flags...)
				accepted(t, r)
				listens(t, r)
				texts <- r.text
			})
		}
	})
	close(texts)
	dir, files := t.TempDir(), []string{}
	for text := range texts {
		files = append(files, write(t, dir, strings.Repeat("i", len(files)+1), text))
	}
	v, failed := conform(t, newest(t), files...)
	if failed != nil || v.Summary.Valid == 0 {
		t.Errorf("of %d renderings %+v: %v", len(files), v.Summary, failed)
	}
	for _, r := range v.Resources {
		t.Errorf("%s %s: %s", r.Kind, r.Name, r.Msg)
	}
}
