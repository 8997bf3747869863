{{/* workload.image is the main container's image. */}}
{{- define "workload.image" -}}
{{ .Values.image }}:{{ .Values.version }}
{{- end -}}

{{/* workload.main gives the main container as JSON. It has the release's name, whatever the kind. */}}
{{- define "workload.main" -}}
{{- $v := .Values -}}
{{- $ports := include "app.ports" . | fromJsonArray -}}
{{- $mounts := dict -}}
{{- $envFrom := dict -}}
{{- range $name, $config := $v.configMaps -}}
  {{- if $config -}}
    {{- with $config.mount }}{{ $_ := set $mounts . (dict "volume" (printf "config-%s" $name) "readOnly" true) }}{{ end -}}
    {{- if $config.env }}{{ $_ := set $envFrom (printf "config-%s" $name) (dict "configMap" (printf "%s-%s" $.Release.Name $name)) }}{{ end -}}
  {{- end -}}
{{- end -}}
{{- include "app.merge" (list $mounts ($v.mounts | default dict)) -}}
{{- include "app.merge" (list $envFrom ($v.envFrom | default dict)) -}}
{{- $lifecycle := include "workload.probes" . | fromJson -}}
{{- with include "workload.preStop" . | int }}{{ $_ := set $lifecycle "lifecycle" (dict "preStop" (dict "sleep" (dict "seconds" .))) }}{{ end -}}
{{- include "workload.container" (dict
      "root" . "where" "" "name" .Release.Name "image" (include "workload.image" .) "command" $v.command "args" $v.args
      "env" $v.env "envFrom" $envFrom "mounts" $mounts "resources" $v.resources "ports" $ports
      "lifecycle" $lifecycle "container" $v.container) -}}
{{- end -}}

{{/* workload.preStop is how long a Pod keeps serving after it was told to stop; 0 where nothing is routed to it. */}}
{{- define "workload.preStop" -}}
{{- if and (include "app.ports" . | fromJsonArray) (not (include "app.runsToCompletion" .)) -}}
{{- ternary 10 .Values.preStopSeconds (kindIs "invalid" .Values.preStopSeconds) -}}
{{- else -}}
0
{{- end -}}
{{- end -}}

{{/*
workload.probes gives the probes as JSON. Only a health check may restart a container: a port that does not open is
taken out of the routes, but a slow program is not killed for being slow.
*/}}
{{- define "workload.probes" -}}
{{- $v := .Values -}}
{{- $defaults := dict -}}
{{- if $v.port -}}
  {{- $port := $v.protocol | default "http" -}}
  {{- $handler := dict "tcpSocket" (dict "port" $port) -}}
  {{- with $v.healthCheckPath -}}
    {{- $get := dict "path" . "port" $port -}}
    {{- if eq $port "https" }}{{ $_ := set $get "scheme" "HTTPS" }}{{ end -}}
    {{- $handler = dict "httpGet" $get -}}
  {{- end -}}
  {{- $_ := set $defaults "readiness" (merge (dict "periodSeconds" 5 "timeoutSeconds" 2 "failureThreshold" 3) $handler) -}}
  {{- if $v.healthCheckPath -}}
    {{- $_ := set $defaults "startup" (merge (dict "periodSeconds" 2 "timeoutSeconds" 2 "failureThreshold" 60) $handler) -}}
    {{- $_ := set $defaults "liveness" (merge (dict "periodSeconds" 10 "timeoutSeconds" 5 "failureThreshold" 6) $handler) -}}
  {{- end -}}
{{- end -}}
{{- $out := dict -}}
{{- range $name := ternary (list) (list "startup" "readiness" "liveness") (eq "true" (include "app.runsToCompletion" .)) -}}
  {{- $probe := deepCopy (get $defaults $name | default dict) -}}
  {{- $change := get ($v.probes | default dict) $name -}}
  {{- if kindIs "map" $change -}}
    {{- range list "httpGet" "tcpSocket" "grpc" "exec" }}{{ if hasKey $change . }}{{ $probe = omit $probe "httpGet" "tcpSocket" }}{{ end }}{{ end -}}
    {{- include "app.merge" (list $probe $change) -}}
  {{- else if kindIs "bool" $change -}}
    {{- if not $change }}{{ $probe = dict }}{{ end -}}
  {{- end -}}
  {{- with $probe }}{{ $_ := set $out (printf "%sProbe" $name) . }}{{ end -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}
