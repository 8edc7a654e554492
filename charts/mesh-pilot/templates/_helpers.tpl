{{- define "pilot.suffix" -}}{{ if ne .Values.revision "default" }}-{{ .Values.revision }}{{ end }}{{- end }}
{{- define "pilot.name" -}}mesh-pilot{{ include "pilot.suffix" . }}{{- end }}

{{- define "pilot.selector" -}}
app: mesh-pilot
istio.io/rev: {{ .Values.revision | quote }}
{{- end }}

{{- define "pilot.labels" -}}
app: mesh-pilot
istio.io/rev: {{ .Values.revision | quote }}
app.kubernetes.io/name: mesh-pilot
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: mesh
app.kubernetes.io/version: {{ .Values.global.tag | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- /* Whether Istio's labels mean this mesh: as said, or unless an injector of Istio's is there. */ -}}
{{- define "pilot.istioLabels" -}}
{{- $said := .Values.sidecarInjectorWebhook.istioLabels | toString -}}
{{- if eq $said "auto" -}}
  {{- $istio := false -}}
  {{- range (lookup "admissionregistration.k8s.io/v1" "MutatingWebhookConfiguration" "" "").items -}}
    {{- range .webhooks -}}
      {{- $service := dig "clientConfig" "service" "name" "" . -}}
      {{- if and (or (hasSuffix "sidecar-injector.istio.io" .name) (regexMatch "^istiod(-.*)?$" $service)) (not (hasPrefix "mesh-pilot" $service)) -}}
        {{- $istio = true -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
  {{- not $istio -}}
{{- else -}}
  {{- $said -}}
{{- end -}}
{{- end }}
