{{- /* Settings of the controller as environment variables; what is unset is left to the program. */ -}}
{{- define "ha.controller.env" -}}
{{- $c := .Values.controller -}}
{{- $e := .Values.leaderElection -}}
{{- $settings := list
  (list "APP_NAME" $c.appName)
  (list "MEMGRAPH_REPLICAS" .Values.memgraph.replicas)
  (list "BOLT_PORT" .Values.memgraph.boltPort)
  (list "REPLICATION_PORT" .Values.memgraph.replicationPort)
  (list "MEMGRAPH_TLS_ENABLED" (ternary true "" (ne .Values.memgraph.tls.secretName "")))
  (list "MEMGRAPH_TLS_CA_PATH" (ternary "/memgraph-tls/ca.crt" "" (ne .Values.memgraph.tls.secretName "")))
  (list "GATEWAY_BIND_ADDRESS" $c.gatewayBindAddress)
  (list "ENABLE_READ_GATEWAY" $c.enableReadGateway)
  (list "READ_GATEWAY_BIND_ADDRESS" (ternary $c.readGatewayBindAddress "" $c.enableReadGateway))
  (list "READ_GATEWAY_FALLBACK" (ternary $c.readGatewayFallback "" $c.enableReadGateway))
  (list "GATEWAY_ADVERTISED_ADDRESS" $c.gatewayAdvertisedAddress)
  (list "READ_GATEWAY_ADVERTISED_ADDRESS" (ternary $c.readGatewayAdvertisedAddress "" $c.enableReadGateway))
  (list "GATEWAY_HOLD_TIMEOUT" $c.gatewayHoldTimeout)
  (list "GATEWAY_MAX_CONNECTIONS" $c.gatewayMaxConnections)
  (list "GATEWAY_MAX_CONNECTIONS_PER_ADDRESS" $c.gatewayMaxConnectionsPerAddress)
  (list "GATEWAY_RATE_LIMIT_ENABLED" (ternary true "" $c.gatewayRateLimit.enabled))
  (list "GATEWAY_RATE_LIMIT_RPS" (ternary $c.gatewayRateLimit.rps "" $c.gatewayRateLimit.enabled))
  (list "GATEWAY_RATE_LIMIT_BURST" (ternary $c.gatewayRateLimit.burst "" $c.gatewayRateLimit.enabled))
  (list "GATEWAY_IDLE_TIMEOUT" $c.gatewayIdleTimeout)
  (list "GATEWAY_DRAIN_TIMEOUT" $c.gatewayDrainTimeout)
  (list "GATEWAY_TLS_ENABLED" (ternary true "" (ne $c.gatewayTLS.secretName "")))
  (list "GATEWAY_TLS_CERT_PATH" (ternary "/tls/tls.crt" "" (ne $c.gatewayTLS.secretName "")))
  (list "GATEWAY_TLS_KEY_PATH" (ternary "/tls/tls.key" "" (ne $c.gatewayTLS.secretName "")))
  (list "GATEWAY_TLS_CLIENT_CA_PATH" (ternary "/tls/ca.crt" "" (and (ne $c.gatewayTLS.secretName "") $c.gatewayTLS.clientCertificates)))
  (list "HTTP_PORT" $c.httpPort)
  (list "RECONCILE_INTERVAL" $c.reconcileInterval)
  (list "STATE_CONFIGMAP" .Values.state.configMapName)
  (list "LEASE_NAME" $e.leaseName)
  (list "LEASE_DURATION" $e.leaseDuration)
  (list "RENEW_DEADLINE" $e.renewDeadline)
  (list "RETRY_PERIOD" $e.retryPeriod)
  (list "FAIL_AFTER" $c.failAfter)
  (list "STANDBY_GRACE" $c.standbyGrace)
  (list "SEAT_WAIT" $c.seatWait)
  (list "BOOTSTRAP_TIMEOUT" $c.bootstrapTimeout)
  (list "MAX_LAG" $c.maxLag)
  (list "MAX_LAG_TIME" $c.maxLagTime)
  (list "DURABILITY" $c.durability)
  (list "LOG_LEVEL" $c.logLevel)
  (list "LOG_FORMAT" $c.logFormat)
  (list "LOG_ADD_SOURCE" $c.logAddSource)
-}}
{{- range $settings }}
{{- $value := index . 1 }}
{{- if kindIs "float64" $value }}{{ $value = int64 $value }}{{ end }}
{{- if not (or (kindIs "invalid" $value) (eq (toString $value) "")) }}
- {name: {{ index . 0 }}, value: {{ toString $value | quote }}}
{{- end }}
{{- end }}
{{- end -}}
