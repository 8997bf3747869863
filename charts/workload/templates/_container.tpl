{{/*
workload.container gives one container as JSON. It takes a dict: root; where, for messages; and, of the values, image,
name, command, args, env, envFrom, mounts, resources, ports (a list), container (what is merged over it).
*/}}
{{- define "workload.container" -}}
{{- $out := dict "name" .name "image" .image -}}
{{- with .command }}{{ $_ := set $out "command" . }}{{ end -}}
{{- with .args }}{{ $_ := set $out "args" . }}{{ end -}}
{{- with include "workload.env" . | fromJsonArray }}{{ $_ := set $out "env" . }}{{ end -}}
{{- with include "workload.envFrom" . | fromJsonArray }}{{ $_ := set $out "envFrom" . }}{{ end -}}
{{- with include "workload.mounts" . | fromJsonArray }}{{ $_ := set $out "volumeMounts" . }}{{ end -}}
{{- with include "workload.resources" .resources | fromJson }}{{ $_ := set $out "resources" . }}{{ end -}}
{{- $ports := list -}}
{{- range .ports }}{{ $ports = append $ports (dict "name" .name "containerPort" .port "protocol" .transport) }}{{ end -}}
{{- with $ports }}{{ $_ := set $out "ports" . }}{{ end -}}
{{- include "app.merge" (list $out (.lifecycle | default dict)) -}}
{{- include "app.merge" (list $out (.container | default dict)) -}}
{{- toJson $out -}}
{{- end -}}

{{/* workload.env gives environment variables as a JSON list. */}}
{{- define "workload.env" -}}
{{- $out := list -}}
{{- range $name := include "app.order" .env | fromJsonArray -}}
  {{- $entry := include "app.compact" (index $.env $name) | fromJson -}}
  {{- $sources := list -}}
  {{- range list "value" "secret" "configMap" "field" "resource" }}{{ if hasKey $entry . }}{{ $sources = append $sources . }}{{ end }}{{ end -}}
  {{- if ne (len $sources) 1 -}}
    {{- fail (printf "%senv.%s has %s: give it exactly one of value, secret, configMap, field and resource; null takes one back that an earlier values file set" $.where $name (join " and " $sources | default "no source")) -}}
  {{- end -}}
  {{- $variable := dict "name" $name -}}
  {{- with $entry.value }}{{ $_ := set $variable "value" . }}{{ end -}}
  {{- with $entry.secret }}{{ $_ := set $variable "valueFrom" (dict "secretKeyRef" .) }}{{ end -}}
  {{- with $entry.configMap }}{{ $_ := set $variable "valueFrom" (dict "configMapKeyRef" .) }}{{ end -}}
  {{- with $entry.field }}{{ $_ := set $variable "valueFrom" (dict "fieldRef" (dict "fieldPath" .)) }}{{ end -}}
  {{- with $entry.resource }}{{ $_ := set $variable "valueFrom" (dict "resourceFieldRef" (dict "resource" .)) }}{{ end -}}
  {{- $out = append $out $variable -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{- define "workload.envFrom" -}}
{{- $out := list -}}
{{- range $name := include "app.order" .envFrom | fromJsonArray -}}
  {{- $entry := index $.envFrom $name -}}
  {{- if eq (empty $entry.secret) (empty $entry.configMap) -}}
    {{- fail (printf "%senvFrom.%s: give it exactly one of secret and configMap" $.where $name) -}}
  {{- end -}}
  {{- $ref := dict "name" ($entry.secret | default $entry.configMap) -}}
  {{- if kindIs "bool" $entry.optional }}{{ $_ := set $ref "optional" $entry.optional }}{{ end -}}
  {{- $source := dict (ternary "secretRef" "configMapRef" (not (empty $entry.secret))) $ref -}}
  {{- with $entry.prefix }}{{ $_ := set $source "prefix" . }}{{ end -}}
  {{- $out = append $out $source -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{- define "workload.mounts" -}}
{{- $out := list -}}
{{- range $path := include "app.order" .mounts | fromJsonArray -}}
  {{- $entry := include "app.compact" (index $.mounts $path) | fromJson -}}
  {{- $mount := dict "mountPath" $path "name" $entry.volume -}}
  {{- include "app.merge" (list $mount (omit $entry "volume" "order")) -}}
  {{- $out = append $out $mount -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{- define "workload.resources" -}}
{{- $out := dict -}}
{{- range $part := list "requests" "limits" -}}
  {{- with include "app.compact" (get ($ | default dict) $part | default dict) | fromJson }}{{ $_ := set $out $part . }}{{ end -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}

{{/*
workload.containers gives the containers of a map (containers, initContainers or sidecars) as a JSON list. It takes a
dict: root, field (the map's name), extra (what is merged over each of them).
*/}}
{{- define "workload.containers" -}}
{{- $out := list -}}
{{- $map := get .root.Values .field -}}
{{- range $name := include "app.order" $map | fromJsonArray -}}
  {{- $entry := index $map $name -}}
  {{- $ports := list -}}
  {{- range $port := include "app.order" $entry.ports | fromJsonArray -}}
    {{- $p := index $entry.ports $port -}}
    {{- $ports = append $ports (dict "name" $port "port" $p.port "transport" ($p.transport | default "TCP")) -}}
  {{- end -}}
  {{- $args := dict "root" $.root "where" (printf "%s.%s." $.field $name) "name" $name "ports" $ports "lifecycle" $.extra -}}
  {{- $out = append $out (include "workload.container" (merge $args $entry) | fromJson) -}}
{{- end -}}
{{- toJson $out -}}
{{- end -}}
