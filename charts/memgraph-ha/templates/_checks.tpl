{{- /* What a schema cannot say: relations between values, and what the cluster already holds. */ -}}

{{- /* Milliseconds of a Go duration: 1m30s is 90000. */ -}}
{{- define "ha.ms" -}}
{{- $units := dict "ns" 0.000001 "us" 0.001 "ms" 1.0 "s" 1000.0 "m" 60000.0 "h" 3600000.0 -}}
{{- $sum := 0.0 -}}
{{- range regexFindAll "[0-9.]+[a-z]+" . -1 -}}
{{- $sum = addf $sum (mulf (regexFind "[0-9.]+" . | float64) (get $units (regexFind "[a-z]+" .))) -}}
{{- end -}}
{{- $sum -}}
{{- end -}}

{{- define "ha.checks" -}}
{{- include "ha.checks.lease" . -}}
{{- include "ha.checks.times" . -}}
{{- include "ha.checks.ports" . -}}
{{- include "ha.checks.args" . -}}
{{- include "ha.checks.names" . -}}
{{- include "ha.checks.env" . -}}
{{- include "ha.checks.labels" . -}}
{{- include "ha.checks.pod" . -}}
{{- include "ha.checks.services" . -}}
{{- include "ha.checks.others" . -}}
{{- include "ha.checks.volumes" . -}}
{{- end -}}

{{- define "ha.checks.lease" -}}
{{- with .Values.leaderElection -}}
{{- $lease := include "ha.ms" .leaseDuration | float64 -}}
{{- $renew := include "ha.ms" .renewDeadline | float64 -}}
{{- $retry := include "ha.ms" .retryPeriod | float64 -}}
{{- if or (lt $lease 1000.0) (ne (floor (divf $lease 1000.0)) (divf $lease 1000.0)) -}}
{{- fail (printf "leaderElection.leaseDuration: %s: want whole seconds, at least 1s" .leaseDuration) -}}
{{- end -}}
{{- if gt $renew (subf $lease 1000.0) -}}
{{- fail (printf "leaderElection.renewDeadline: %s: want at most leaderElection.leaseDuration less 1s, and that is %s" .renewDeadline .leaseDuration) -}}
{{- end -}}
{{- if or (lt $retry 1.0) (le $renew (mulf 1.2 $retry)) -}}
{{- fail (printf "leaderElection.retryPeriod: %s: want at least 1ms and less than leaderElection.renewDeadline / 1.2, and that is %s" .retryPeriod .renewDeadline) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Call with (list path value least). */ -}}
{{- define "ha.atLeast" -}}
{{- $value := index . 1 -}}
{{- if and $value (lt (include "ha.ms" $value | float64) (include "ha.ms" (index . 2) | float64)) -}}
{{- fail (printf "%s: %s: want at least %s" (index . 0) $value (index . 2)) -}}
{{- end -}}
{{- end -}}

{{- define "ha.checks.times" -}}
{{- with .Values.controller -}}
{{- include "ha.atLeast" (list "controller.failAfter" .failAfter "500ms") -}}
{{- include "ha.atLeast" (list "controller.bootstrapTimeout" .bootstrapTimeout "1s") -}}
{{- include "ha.atLeast" (list "controller.reconcileInterval" .reconcileInterval "1s") -}}
{{- if and .gatewayTLS.clientCertificates (not .gatewayTLS.secretName) -}}
{{- fail "controller.gatewayTLS.clientCertificates: true without controller.gatewayTLS.secretName: want a Secret, with the authorities in ca.crt" -}}
{{- end -}}
{{- if ge (include "ha.ms" (.gatewayDrainTimeout | default "10s") | float64) (mulf 1000.0 (subf .terminationGracePeriodSeconds 5.0)) -}}
{{- fail (printf "controller.gatewayDrainTimeout: %s: want more than 5s less than controller.terminationGracePeriodSeconds, which is %d" (.gatewayDrainTimeout | default "10s") (int64 .terminationGracePeriodSeconds)) -}}
{{- end -}}
{{- include "ha.atLeast" (list "controller.gatewayHoldTimeout" .gatewayHoldTimeout "100ms") -}}
{{- if and .seatWait (gt (include "ha.ms" .seatWait | float64) (include "ha.ms" .failAfter | float64)) -}}
{{- fail (printf "controller.seatWait: %s: want at most controller.failAfter, which is %s" .seatWait .failAfter) -}}
{{- end -}}
{{- end -}}
{{- include "ha.atLeast" (list "test.timeout" .Values.test.timeout "1s") -}}
{{- with .Values.memgraph -}}
{{- if gt (addf 5000.0 (include "ha.ms" .prestopTimeout | float64)) (mulf 1000.0 (float64 .terminationGracePeriodSeconds)) -}}
{{- fail (printf "memgraph.terminationGracePeriodSeconds: %v: want at least 5 more than memgraph.prestopTimeout, which is %s" .terminationGracePeriodSeconds .prestopTimeout) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "ha.checks.ports" -}}
{{- with .Values.controller -}}
{{- $rw := include "ha.portOf" .gatewayBindAddress -}}
{{- $ro := include "ha.portOf" .readGatewayBindAddress -}}
{{- $http := toString .httpPort -}}
{{- if and .enableReadGateway (eq $rw $ro) -}}
{{- fail (printf "controller.readGatewayBindAddress: port %s is taken by controller.gatewayBindAddress" $ro) -}}
{{- end -}}
{{- if or (eq $http $rw) (and .enableReadGateway (eq $http $ro)) -}}
{{- fail (printf "controller.httpPort: %s is taken by a gateway" $http) -}}
{{- end -}}
{{- end -}}
{{- with .Values.memgraph -}}
{{- if eq (int .boltPort) (int .replicationPort) -}}
{{- fail (printf "memgraph.replicationPort: %v is taken by memgraph.boltPort" .replicationPort) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Flags as gflags reads them: --a_b is --a-b, --noa is --a=false, and --flagfile brings in any others. */ -}}
{{- define "ha.checks.args" -}}
{{- $own := list "bolt-port" "bolt-cert-file" "bolt-key-file" "data-directory" "init-file" "log-file" "log-level" "also-log-to-stderr" "storage-wal-enabled" "storage-wal-file-flush-every-n-tx" "storage-snapshot-on-exit" "data-recovery-on-startup" "replication-restore-state-on-startup" -}}
{{- $harm := dict
  "bolt-address" "the gateway and the probes reach a node at its pod's address"
  "storage-mode" "only IN_MEMORY_TRANSACTIONAL, the default, is replicated"
  "flagfile" "it may hide flags that the chart sets"
  "fromenv" "it may hide flags that the chart sets"
  "tryfromenv" "it may hide flags that the chart sets" -}}
{{- range .Values.memgraph.extraArgs -}}
{{- $flag := regexReplaceAll "=.*" . "" | trimPrefix "--" | replace "_" "-" -}}
{{- if or (has $flag $own) (has (trimPrefix "no" $flag) $own) -}}
{{- fail (printf "memgraph.extraArgs: --%s is set by the chart, because failover depends on it, or has a value of its own" $flag) -}}
{{- end -}}
{{- with get $harm $flag -}}
{{- fail (printf "memgraph.extraArgs: --%s cannot be used here: %s" $flag .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Names that one release would give to two objects. */ -}}
{{- define "ha.checks.names" -}}
{{- $init := printf "%s-init" (include "ha.memgraph" .) -}}
{{- if eq .Values.state.configMapName $init -}}
{{- fail (printf "state.configMapName: %s is the ConfigMap of the init file: want another name" $init) -}}
{{- end -}}
{{- $m := .Values.memgraph.serviceAccount -}}
{{- $c := .Values.controller.serviceAccount -}}
{{- if and .Values.rbac.create (not $c.create) (not $c.name) -}}
{{- fail "controller.serviceAccount.name: want a name with controller.serviceAccount.create=false: without one the Role would be given to the ServiceAccount \"default\", which every pod of the namespace may have" -}}
{{- end -}}
{{- $name := include "ha.memgraph.serviceAccount" . -}}
{{- if and (or $m.create $c.create) (eq $name (include "ha.controller.serviceAccount" .)) -}}
{{- fail (printf "memgraph.serviceAccount.name: %s is the controller's ServiceAccount: want another name, so that the database gets none of its rights" $name) -}}
{{- end -}}
{{- end -}}

{{- /* Kubernetes takes the last of two variables of one name, silently. */ -}}
{{- define "ha.checks.env" -}}
{{- $auth := list -}}
{{- if .Values.memgraph.auth.existingSecret -}}{{- $auth = list "MEMGRAPH_USER" "MEMGRAPH_PASSWORD" -}}{{- end -}}
{{- $controller := concat $auth (list "NAMESPACE" "POD_NAME" "STATEFULSET_NAME" "SERVICE_NAME") -}}
{{- range include "ha.controller.env" . | fromYamlArray -}}{{- $controller = append $controller .name -}}{{- end -}}
{{- range .Values.controller.extraEnv -}}
{{- if has .name $controller -}}
{{- fail (printf "controller.extraEnv: %s is set by the chart, from a value of its own" .name) -}}
{{- end -}}
{{- end -}}
{{- $memgraph := concat $auth (list "POD_NAME" "STATUS_URL" "PRESTOP_TIMEOUT") -}}
{{- range .Values.memgraph.extraEnv -}}
{{- if has .name $memgraph -}}
{{- fail (printf "memgraph.extraEnv: %s is set by the chart, from a value of its own" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* By these labels objects find each other. */ -}}
{{- define "ha.checks.labels" -}}
{{- $own := list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" "app.kubernetes.io/part-of" -}}
{{- $all := concat $own (list "app.kubernetes.io/version" "app.kubernetes.io/managed-by" "helm.sh/chart") -}}
{{- include "ha.notAmong" (list "commonLabels" .Values.commonLabels $all) -}}
{{- include "ha.notAmong" (list "memgraph.podLabels" .Values.memgraph.podLabels $own) -}}
{{- include "ha.notAmong" (list "controller.podLabels" .Values.controller.podLabels $own) -}}
{{- include "ha.notAmong" (list "memgraph.podAnnotations" .Values.memgraph.podAnnotations (list "kubectl.kubernetes.io/default-container")) -}}
{{- end -}}

{{- /* Call with (list path values keys-of-the-chart). */ -}}
{{- define "ha.notAmong" -}}
{{- range $key, $_ := index . 1 -}}
{{- if has $key (index $ 2) -}}
{{- fail (printf "%s: %s is set by the chart" (index $ 0) $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* What is added to a pod must not be there twice. */ -}}
{{- define "ha.checks.pod" -}}
{{- with .Values.memgraph -}}
{{- include "ha.notTwice" (list "memgraph.extraVolumes" .extraVolumes "name" (list "data" "log" "tmp" "controller" "init" "state" "tls")) -}}
{{- include "ha.notTwice" (list "memgraph.extraVolumeMounts" .extraVolumeMounts "mountPath" (list "/var/lib/memgraph" "/var/log/memgraph" "/tmp" "/init" "/controller" "/tls")) -}}
{{- include "ha.notTwice" (list "memgraph.extraEnv" .extraEnv "name" list) -}}
{{- end -}}
{{- with .Values.controller -}}
{{- include "ha.notTwice" (list "controller.extraVolumes" .extraVolumes "name" (list "tls" "memgraph-tls")) -}}
{{- include "ha.notTwice" (list "controller.extraVolumeMounts" .extraVolumeMounts "mountPath" (list "/tls" "/memgraph-tls")) -}}
{{- include "ha.notTwice" (list "controller.extraEnv" .extraEnv "name" list) -}}
{{- end -}}
{{- end -}}

{{- /* Call with (list path items key taken). */ -}}
{{- define "ha.notTwice" -}}
{{- $key := index . 2 -}}
{{- $taken := index . 3 -}}
{{- range index . 1 -}}
{{- $value := get . $key | trimSuffix "/" -}}
{{- if has $value $taken -}}
{{- fail (printf "%s: %s %s is there already: want another" (index $ 0) $key $value) -}}
{{- end -}}
{{- $taken = append $taken $value -}}
{{- end -}}
{{- end -}}

{{- define "ha.checks.services" -}}
{{- range $name, $service := .Values.gateway -}}
{{- $outside := ne $service.type "ClusterIP" -}}
{{- range $key := list "nodePort" "externalTrafficPolicy" -}}
{{- if and (get $service $key) (not $outside) -}}
{{- fail (printf "gateway.%s.%s: %v needs gateway.%s.type NodePort or LoadBalancer, and that is ClusterIP" $name $key (get $service $key) $name) -}}
{{- end -}}
{{- end -}}
{{- range $key := list "loadBalancerClass" "loadBalancerSourceRanges" -}}
{{- if and (get $service $key) (ne $service.type "LoadBalancer") -}}
{{- fail (printf "gateway.%s.%s: %v needs gateway.%s.type LoadBalancer, and that is %s" $name $key (get $service $key) $name $service.type) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with .Values.gateway -}}
{{- if and .service.nodePort .readService.nodePort (eq (int .service.nodePort) (int .readService.nodePort)) -}}
{{- fail (printf "gateway.readService.nodePort: %v is taken by gateway.service.nodePort" .readService.nodePort) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Two releases of one namespace must not share the record or the lease: their controllers would fight over one MAIN. */ -}}
{{- define "ha.checks.others" -}}
{{- $state := .Values.state.configMapName -}}
{{- $lease := .Values.leaderElection.leaseName -}}
{{- range (lookup "apps/v1" "Deployment" .Release.Namespace "").items -}}
{{- $labels := .metadata.labels | default dict -}}
{{- $notes := .metadata.annotations | default dict -}}
{{- $other := get $labels "app.kubernetes.io/instance" -}}
{{- if and (eq (get $labels "app.kubernetes.io/name") "memgraph-ha") (ne $other $.Release.Name) -}}
{{- if or (eq (get $notes "memgraph-controller/state") $state) (eq (get $notes "memgraph-controller/lease") $lease) -}}
{{- fail (printf "state.configMapName, leaderElection.leaseName: release %q in namespace %q already uses ConfigMap %q or Lease %q, and two clusters must not share them; add --set state.configMapName=%s-state --set leaderElection.leaseName=%s-leader" $other $.Release.Namespace $state $lease $.Release.Name $.Release.Name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Kubernetes cannot change the claims of a StatefulSet: say what to do, before half an upgrade has been made. */ -}}
{{- define "ha.checks.volumes" -}}
{{- $name := include "ha.memgraph" . -}}
{{- $set := lookup "apps/v1" "StatefulSet" .Release.Namespace $name -}}
{{- if $set -}}
{{- $again := printf "kubectl -n %s delete statefulset %s --cascade=orphan (pods and data stay), then upgrade again" .Release.Namespace $name -}}
{{- $claims := $set.spec.volumeClaimTemplates | default list -}}
{{- $p := .Values.memgraph.persistence -}}
{{- if ne $p.enabled (not (empty $claims)) -}}
{{- fail (printf "memgraph.persistence.enabled: %v, but the running StatefulSet was installed with %v, and a running database cannot change its kind of volume: install a second release and copy the data" $p.enabled (not $p.enabled)) -}}
{{- end -}}
{{- range $claims -}}
{{- if eq .metadata.name "data" -}}
{{- $size := .spec.resources.requests.storage -}}
{{- if ne (toString $size) (toString $p.size) -}}
{{- fail (printf "memgraph.persistence.size: %s, but the running StatefulSet has %s and Kubernetes cannot change that in place: enlarge each claim (kubectl -n %s patch pvc data-%s-0 -p '{\"spec\":{\"resources\":{\"requests\":{\"storage\":\"%s\"}}}}'), then %s" $p.size $size $.Release.Namespace $name $p.size $again) -}}
{{- end -}}
{{- $class := .spec.storageClassName | default "" -}}
{{- if ne $class $p.storageClass -}}
{{- fail (printf "memgraph.persistence.storageClass: %q, but the running StatefulSet has %q and Kubernetes cannot change that in place: %s; volumes that exist keep their class" $p.storageClass $class $again) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
