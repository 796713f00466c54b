{{- define "feishu-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "feishu-exporter.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- $name := include "feishu-exporter.name" . -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "feishu-exporter.selector" -}}
app.kubernetes.io/name: {{ include "feishu-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "feishu-exporter.labels" -}}
{{ include "feishu-exporter.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "feishu-exporter.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "feishu-exporter.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "feishu-exporter.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "feishu-exporter.secret" -}}
{{- default (include "feishu-exporter.fullname" .) .Values.secrets.existingSecret -}}
{{- end -}}

{{/* The configuration, with a place for each secret that has none. */}}
{{- define "feishu-exporter.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- range $tenant := $config.tenants -}}
{{- if not $tenant.app_secret_file -}}
{{- $_ := set $tenant "app_secret_file" (printf "/etc/feishu-exporter/secrets/%s" (default "default" $tenant.name)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}
