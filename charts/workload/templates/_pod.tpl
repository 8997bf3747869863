{{/* workload.podTemplate gives the template of the Pods as JSON: labels, annotations, spec. */}}
{{- define "workload.podTemplate" -}}
{{- $labels := include "app.labels" . | fromJson -}}
{{- include "app.merge" (list $labels (.Values.podLabels | default dict)) -}}
{{- include "app.merge" (list $labels (include "app.selector" . | fromYaml)) -}}
{{- $metadata := dict "labels" $labels -}}
{{- $annotations := dict -}}
{{- with include "app.compact" .Values.configMaps | fromJson }}{{ $_ := set $annotations "checksum/config" (toJson . | sha256sum) }}{{ end -}}
{{- include "app.merge" (list $annotations (.Values.podAnnotations | default dict)) -}}
{{- with $annotations }}{{ $_ := set $metadata "annotations" . }}{{ end -}}
{{- $spec := include "workload.podSpec" . | fromYaml -}}
{{- with $spec.Error }}{{ fail . }}{{ end -}}
{{- include "app.merge" (list $spec (.Values.podSpec | default dict)) -}}
{{- dict "metadata" $metadata "spec" $spec | toJson -}}
{{- end -}}

{{- define "workload.podSpec" -}}
{{- $v := .Values -}}
{{- $ends := include "app.runsToCompletion" . -}}
{{- $sidecars := include "workload.containers" (dict "root" . "field" "sidecars" "extra" (dict "restartPolicy" "Always")) | fromJsonArray -}}
{{- $inits := include "workload.containers" (dict "root" . "field" "initContainers") | fromJsonArray -}}
{{- $others := include "workload.containers" (dict "root" . "field" "containers") | fromJsonArray -}}
{{- $preStop := include "workload.preStop" . | int -}}
{{- $grace := $v.terminationGracePeriodSeconds | default (add $preStop 30) | int -}}
{{- if le $grace $preStop -}}
  {{- fail (printf "terminationGracePeriodSeconds is %d: it must be more than preStopSeconds, %d, or the program is killed before it is told to stop" $grace $preStop) -}}
{{- end -}}
{{- /* Otherwise every Service of the namespace becomes a handful of environment variables. */}}
enableServiceLinks: false
terminationGracePeriodSeconds: {{ $grace }}
{{- if $ends }}
restartPolicy: Never
{{- end }}
{{- with $v.serviceAccount }}
serviceAccountName: {{ toJson . }}
{{- end }}
{{- with include "app.compact" $v.nodeSelector | fromJson }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with include "workload.tolerations" . | fromJsonArray }}
tolerations: {{ toJson . }}
{{- end }}
{{- if has (include "app.kind" .) (list "Deployment" "StatefulSet") }}
{{- with include "workload.topologySpread" . | fromJsonArray }}
topologySpreadConstraints: {{ toJson . }}
{{- end }}
{{- end }}
{{- with concat $sidecars $inits }}
initContainers: {{ toJson . }}
{{- end }}
containers: {{ concat (list (include "workload.main" . | fromJson)) $others | toJson }}
{{- with include "workload.volumes" . | fromJsonArray }}
volumes: {{ toJson . }}
{{- end }}
{{- end -}}

{{- define "workload.tolerations" -}}
{{- $out := list -}}
{{- range $name := include "app.order" .Values.tolerations | fromJsonArray -}}
  {{- $entry := include "app.compact" (index $.Values.tolerations $name) | fromJson -}}
  {{- $out = append $out (omit $entry "order") -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{- define "workload.topologySpread" -}}
{{- $out := list -}}
{{- range $name := include "app.order" .Values.topologySpread | fromJsonArray -}}
  {{- $constraint := dict "maxSkew" 1 "whenUnsatisfiable" "ScheduleAnyway" "labelSelector" (dict "matchLabels" (include "app.selector" $ | fromYaml)) -}}
  {{- include "app.merge" (list $constraint (omit (index $.Values.topologySpread $name) "order")) -}}
  {{- $out = append $out $constraint -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{- define "workload.volumes" -}}
{{- $volumes := dict -}}
{{- range $name, $config := .Values.configMaps -}}
  {{- if $config -}}
    {{- if $config.mount }}{{ $_ := set $volumes (printf "config-%s" $name) (dict "configMap" (dict "name" (printf "%s-%s" $.Release.Name $name))) }}{{ end -}}
  {{- end -}}
{{- end -}}
{{- include "app.merge" (list $volumes (.Values.volumes | default dict)) -}}
{{- $out := list -}}
{{- range $name := include "app.order" $volumes | fromJsonArray -}}
  {{- $volume := include "app.compact" (omit (index $volumes $name) "order") | fromJson -}}
  {{- if ne (len $volume) 1 }}{{ fail (printf "volumes.%s has %s: give it exactly one source; null takes one back that an earlier values file set" $name (keys $volume | sortAlpha | join " and " | default "no source")) }}{{ end -}}
  {{- $out = append $out (set $volume "name" $name) -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}
