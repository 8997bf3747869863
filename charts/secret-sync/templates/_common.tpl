{{- define "secret-sync.labels" -}}
app.kubernetes.io/name: secret-sync
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Values.image.tag | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{- end }}

{{- define "secret-sync.selector" -}}
app.kubernetes.io/name: secret-sync
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* The credential that the Pod mounts: "secret key", or nothing with Kubernetes authentication. */}}
{{- define "secret-sync.credential" -}}
{{- $v := .Values.vault -}}
{{- $ways := list -}}
{{- if $v.kubernetes.role }}{{ $ways = append $ways "" }}{{ end -}}
{{- if $v.appRole.roleID }}{{ $ways = append $ways (printf "%s %s" (required "vault.appRole.secret: name the Secret with the secret id" $v.appRole.secret) $v.appRole.key) }}{{ end -}}
{{- if $v.token.secret }}{{ $ways = append $ways (printf "%s %s" $v.token.secret $v.token.key) }}{{ end -}}
{{- if ne (len $ways) 1 }}{{ fail "vault: give exactly one of kubernetes.role, appRole.roleID and token.secret" }}{{ end -}}
{{- first $ways -}}
{{- end }}
