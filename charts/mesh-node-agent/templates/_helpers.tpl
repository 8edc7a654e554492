{{- define "agent.labels" -}}
app: mesh-node-agent
app.kubernetes.io/name: mesh-node-agent
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: mesh
app.kubernetes.io/version: {{ .Values.global.tag | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "agent.repair" -}}
{{- if not .Values.repair.enabled }}none{{ else if .Values.repair.labelPods }}label{{ else if .Values.repair.deletePods }}delete{{ else }}none{{ end }}
{{- end }}
