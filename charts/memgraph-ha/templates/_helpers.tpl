{{- /* Names. The longest derived one, the revision hash label of the StatefulSet's pods, leaves 43 characters. */ -}}
{{- define "ha.fullname" -}}
{{- $name := .Values.fullnameOverride | default .Release.Name -}}
{{- if gt (len $name) 43 -}}
{{- fail (printf "fullnameOverride: %q has %d characters, and names derived from it must fit Kubernetes: want at most 43; use a shorter release name or --set fullnameOverride=NAME" $name (len $name)) -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
{{- fail (printf "fullnameOverride: %q is the release's name, but Services want a letter first and no dots: --set fullnameOverride=NAME" $name) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{- define "ha.memgraph" -}}{{ include "ha.fullname" . }}-memgraph{{- end -}}
{{- define "ha.controller" -}}{{ include "ha.fullname" . }}-controller{{- end -}}

{{- define "ha.memgraph.serviceAccount" -}}
{{- with .Values.memgraph.serviceAccount -}}{{ .name | default (ternary (include "ha.memgraph" $) "default" .create) }}{{- end -}}
{{- end -}}
{{- define "ha.controller.serviceAccount" -}}
{{- with .Values.controller.serviceAccount -}}{{ .name | default (ternary (include "ha.controller" $) "default" .create) }}{{- end -}}
{{- end -}}

{{- /* Labels that select: they never change within the life of a release. Call with (dict "root" $ "component" "memgraph"). */ -}}
{{- define "ha.selector" -}}
app.kubernetes.io/name: memgraph-ha
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- /* Labels of an object: those above, and those that tell the chart's version. */ -}}
{{- define "ha.labels" -}}
{{ include "ha.selector" . }}
app.kubernetes.io/part-of: memgraph
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "ha.controller.image" -}}
{{- with .Values.controller.image }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end -}}
{{- end -}}
{{- define "ha.prepareNode.image" -}}
{{- $c := .Values.controller.image -}}
{{- with .Values.memgraph.prepareNode.image }}{{ .repository | default $c.repository }}:{{ .tag | default $c.tag | default $.Chart.AppVersion }}{{ end -}}
{{- end -}}

{{- /* Name and password for Memgraph, from the Secret that the user made. */ -}}
{{- define "ha.auth.env" -}}
{{- with .Values.memgraph.auth }}{{ if .existingSecret -}}
- name: MEMGRAPH_USER
  valueFrom: {secretKeyRef: {name: {{ .existingSecret | quote }}, key: {{ .userKey | quote }}}}
- name: MEMGRAPH_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .existingSecret | quote }}, key: {{ .passwordKey | quote }}}}
{{- end }}{{ end -}}
{{- end -}}

{{- /* What a container may do: nothing but run. */ -}}
{{- define "ha.container.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- /* Where pods go. Call with (dict "root" $ "component" "memgraph" "values" .Values.memgraph). */ -}}
{{- define "ha.placement" -}}
{{- $v := .values -}}
{{- with $v.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- if $v.affinity }}
affinity: {{- toYaml $v.affinity | nindent 2 }}
{{- else if eq $v.spread "hard" }}
affinity:
  podAntiAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector: {matchLabels: {{ include "ha.selector" . | fromYaml | toJson }}}
{{- else if eq $v.spread "soft" }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector: {matchLabels: {{ include "ha.selector" . | fromYaml | toJson }}}
{{- end }}
{{- if $v.topologySpreadConstraints }}
topologySpreadConstraints: {{- toYaml $v.topologySpreadConstraints | nindent 2 }}
{{- else if ne $v.spread "none" }}
topologySpreadConstraints:
  {{- if eq .component "controller" }}
  # Replaced often, so a mere preference drifts: two of three doors on one machine would go with it.
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: DoNotSchedule
    nodeTaintsPolicy: Honor
    labelSelector: {matchLabels: {{ include "ha.selector" . | fromYaml | toJson }}}
  {{- end }}
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: {matchLabels: {{ include "ha.selector" . | fromYaml | toJson }}}
{{- end }}
{{- end -}}

{{- /* The port at the end of an address: 0.0.0.0:7687, [::]:7687. */ -}}
{{- define "ha.portOf" -}}{{ regexFind "[0-9]+$" . }}{{- end -}}
