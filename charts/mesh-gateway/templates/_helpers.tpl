{{- define "gateway.name" -}}{{ .Values.name | default .Release.Name | trunc 63 | trimSuffix "-" }}{{- end }}

{{- define "gateway.selector" -}}
{{- if .Values.labels }}{{ toYaml .Values.labels }}{{ else -}}
app: {{ include "gateway.name" . }}
istio: {{ include "gateway.name" . | trimPrefix "istio-" }}
{{- end }}
{{- end }}

{{- define "gateway.labels" -}}
{{ include "gateway.selector" . }}
app.kubernetes.io/name: {{ include "gateway.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: mesh
app.kubernetes.io/version: {{ .Values.global.tag | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "gateway.pilot" -}}
mesh-pilot{{ if ne .Values.revision "default" }}-{{ .Values.revision }}{{ end }}.{{ .Values.pilotNamespace | default "mesh-system" }}.svc:15012
{{- end }}
