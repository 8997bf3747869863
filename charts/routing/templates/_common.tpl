{{/*
What both charts share. The two copies of this file are equal; a test keeps them so.
*/}}

{{/*
app.order gives the keys of a map in the order in which they are rendered, as a JSON list: by their "order", 0 where
there is none, then by name. A key whose value is null was taken back by a later values file, and is left out.
*/}}
{{- define "app.order" -}}
{{- $keys := list -}}
{{- range $name, $entry := . -}}
  {{- if not (kindIs "invalid" $entry) -}}
    {{- $order := 0 -}}
    {{- if kindIs "map" $entry }}{{ $order = $entry.order | default 0 | int }}{{ end -}}
    {{- $keys = append $keys (printf "%08d/%s" (add 10000000 $order) $name) -}}
  {{- end -}}
{{- end -}}
{{- $names := list -}}
{{- range sortAlpha $keys }}{{ $names = append $names (substr 9 -1 .) }}{{ end -}}
{{- toJson $names -}}
{{- end -}}

{{/*
app.merge (list DST SRC) merges SRC into DST: maps are merged, everything else is replaced, null deletes. Sprig's
mergeOverwrite will not do: to it, false, 0 and "" are as if they were not there.
*/}}
{{- define "app.merge" -}}
{{- $dst := index . 0 -}}
{{- range $key, $value := index . 1 -}}
  {{- if kindIs "invalid" $value -}}
    {{- $_ := unset $dst $key -}}
  {{- else if and (kindIs "map" $value) (kindIs "map" (get $dst $key)) -}}
    {{- include "app.merge" (list (get $dst $key) $value) -}}
  {{- else -}}
    {{- $_ := set $dst $key (deepCopy $value) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* app.compact gives a map without its null values, as JSON. */}}
{{- define "app.compact" -}}
{{- $out := dict -}}
{{- include "app.merge" (list $out (. | default dict)) -}}
{{- toJson $out -}}
{{- end -}}

{{/* app.selector never changes for the life of a service, because the selector of a workload must not. */}}
{{- define "app.selector" -}}
app.kubernetes.io/name: {{ .Release.Name }}
{{- end -}}

{{/* app.kind is what the workload is. The default stands here, too, because a null takes it out of the values. */}}
{{- define "app.kind" -}}
{{ .Values.kind | default "Deployment" }}
{{- end -}}

{{/* app.runsToCompletion is "true" for the kinds that end, and so have neither probes nor routes. */}}
{{- define "app.runsToCompletion" -}}
{{- if has (include "app.kind" .) (list "CronJob" "Job") }}true{{ end -}}
{{- end -}}

{{- define "app.component" -}}
{{- if .Values.component -}}
{{ .Values.component }}
{{- else if include "app.runsToCompletion" . -}}
job
{{- else if include "app.ports" . | fromJsonArray -}}
server
{{- else -}}
worker
{{- end -}}
{{- end -}}

{{/* app.labels are the labels of every object. The version is cut to what a label may hold. */}}
{{- define "app.labels" -}}
{{- $labels := dict
      "app.kubernetes.io/instance" .Release.Name
      "app.kubernetes.io/version" (regexReplaceAll "^[^A-Za-z0-9]+|[^A-Za-z0-9]+$" (trunc 63 .Values.version) "")
      "app.kubernetes.io/part-of" (.Values.partOf | default .Release.Namespace)
      "app.kubernetes.io/component" (include "app.component" .) -}}
{{- include "app.merge" (list $labels (.Values.labels | default dict)) -}}
{{- include "app.merge" (list $labels (include "app.selector" . | fromYaml)) -}}
{{- toJson $labels -}}
{{- end -}}

{{/*
app.object renders one object: what the named template gives, with the metadata that all objects have, and the patch
for its kind on top. It takes a dict: root; template; name, if it is not the release's; and what the template itself
wants.
*/}}
{{- define "app.object" -}}
{{- $root := .root -}}
{{- $given := include .template . | fromYaml -}}
{{- with $given.Error }}{{ fail . }}{{ end -}}
{{- $metadata := dict "name" (.name | default $root.Release.Name) "namespace" $root.Release.Namespace -}}
{{- $_ := set $metadata "labels" (include "app.labels" $root | fromJson) -}}
{{- with include "app.compact" $root.Values.annotations | fromJson }}{{ $_ := set $metadata "annotations" . }}{{ end -}}
{{- $object := dict "metadata" $metadata -}}
{{- include "app.merge" (list $object $given) -}}
{{- $patches := $root.Values.patches | default dict -}}
{{- include "app.merge" (list $object (get $patches $object.kind | default dict)) -}}
{{- toYaml $object -}}
{{- end -}}

{{/* app.ports gives all ports of the main container, as a JSON list; the main one first. */}}
{{- define "app.ports" -}}
{{- $ports := list -}}
{{- $protocol := .Values.protocol | default "http" -}}
{{- with .Values.port -}}
  {{- $ports = append $ports (dict "name" $protocol "port" . "servicePort" (($.Values.service | default dict).port | default .) "protocol" $protocol "transport" "TCP" "service" true) -}}
{{- end -}}
{{- range $name := include "app.order" .Values.ports | fromJsonArray -}}
  {{- if and $.Values.port (eq $name $protocol) }}{{ fail (printf "ports.%s: the main port has this name already, from its protocol" $name) }}{{ end -}}
  {{- $port := index $.Values.ports $name -}}
  {{- $service := true -}}
  {{- if kindIs "bool" $port.service }}{{ $service = $port.service }}{{ end -}}
  {{- $ports = append $ports (dict "name" $name "port" $port.port "servicePort" $port.port "protocol" ($port.protocol | default "tcp") "transport" ($port.transport | default "TCP") "service" $service) -}}
{{- end -}}
{{- toJson $ports -}}
{{- end -}}
