{{/* routing.istio gives the version of an Istio API: v1, unless the cluster has only the older one. */}}
{{- define "routing.istio" -}}
{{- $has := .root.Capabilities.APIVersions -}}
{{- if and ($has.Has (printf "%s/v1beta1" .group)) (not ($has.Has (printf "%s/v1" .group))) -}}
{{ .group }}/v1beta1
{{- else -}}
{{ .group }}/v1
{{- end -}}
{{- end -}}

{{- define "routing.networking" -}}
{{ include "routing.istio" (dict "root" . "group" "networking.istio.io") }}
{{- end -}}

{{- define "routing.security" -}}
{{ include "routing.istio" (dict "root" . "group" "security.istio.io") }}
{{- end -}}

{{/* routing.hosts gives the gateway's hosts as a JSON list; empty where the service has no gateway. */}}
{{- define "routing.hosts" -}}
{{- $hosts := (.Values.gateway | default dict).hosts | default list -}}
{{- if and $hosts (not .Values.port) }}{{ fail "gateway.hosts: there is no port that a route could lead to; set port" }}{{ end -}}
{{- toJson $hosts -}}
{{- end -}}
