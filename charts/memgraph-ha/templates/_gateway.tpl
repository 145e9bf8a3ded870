{{- /* One of the two doors for clients. */ -}}
{{- define "ha.gateway.service" -}}
{{- $root := .root -}}
{{- $name := .name -}}
{{- $target := .target -}}
{{- $reads := .reads -}}
{{- $me := dict "root" $root "component" "controller" -}}
{{- with .service -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "ha.fullname" $root }}-{{ $name }}
  namespace: {{ $root.Release.Namespace | quote }}
  labels: {{- include "ha.labels" $me | nindent 4 }}
  {{- with .annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ .type }}
  {{- with .externalTrafficPolicy }}
  externalTrafficPolicy: {{ . }}
  {{- end }}
  {{- with .loadBalancerClass }}
  loadBalancerClass: {{ . | quote }}
  {{- end }}
  {{- with .loadBalancerSourceRanges }}
  loadBalancerSourceRanges: {{- toYaml . | nindent 4 }}
  {{- end }}
  selector: {{- include "ha.selector" $me | nindent 4 }}
  ports:
    - name: bolt
      port: {{ .port }}
      targetPort: {{ $target }}
      {{- with .nodePort }}
      nodePort: {{ . }}
      {{- end }}
    {{- with $reads }}
    # Drivers with a neo4j:// address read at the host by which they come.
    - name: bolt-read
      port: {{ . }}
      targetPort: bolt-read
    {{- end }}
{{- end -}}
{{- end -}}
