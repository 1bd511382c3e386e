{{/*
One service of the control plane. Call with a dict of:
  root       $
  component  its name, as in pilot
  values     its part of the values
  ports      its container ports, name → number; 15014 (metrics and probes) is added
  env        more variables, name → text
  store      it is a client of the mesh store
  identity   it gets a certificate from citadel: its token, and the roots to verify citadel with
  kubernetes it talks to the API server
  podLabels  more labels of its pods
*/}}
{{- define "lateen.deployment" -}}
{{- $root := .root -}}
{{- $values := .values -}}
{{- $name := printf "lateen-%s" .component -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "lateen.labels" . | nindent 4 }}
spec:
  replicas: {{ include "lateen.replicas" (dict "root" $root "name" $name "values" $values) }}
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
  selector:
    matchLabels:
      {{- include "lateen.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "lateen.labels" . | nindent 8 }}
        sidecar.istio.io/inject: "false"
        {{- with .podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- with $values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: "15014"
        prometheus.io/path: /metrics
        {{- with $values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ $name }}
      automountServiceAccountToken: {{ .kubernetes | default false }}
      {{- with include "lateen.pullSecrets" $root | trim }}
      {{- . | nindent 6 }}
      {{- end }}
      terminationGracePeriodSeconds: {{ $root.Values.terminationGracePeriodSeconds }}
      securityContext:
        {{- include "lateen.podSecurity" $root | nindent 8 }}
      containers:
        - name: {{ .component }}
          image: {{ include "lateen.image" (dict "root" $root "own" $values.image "name" .component) }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          env:
            - name: POD_NAME
              valueFrom: { fieldRef: { fieldPath: metadata.name } }
            {{- $env := dict "ROOT_NAMESPACE" $root.Release.Namespace "TRUST_DOMAIN" $root.Values.trustDomain "LOG_LEVEL" ($values.logLevel | default $root.Values.logLevel) }}
            {{- if .identity }}
            {{- $env = merge $env (dict "CA_ADDR" (include "lateen.caAddress" $root)) }}
            {{- end }}
            {{- with $root.Values.otlpEndpoint }}
            {{- $env = merge $env (dict "OTEL_EXPORTER_OTLP_ENDPOINT" .) }}
            {{- end }}
            {{- if .store }}
            {{- $env = merge $env (include "lateen.storeEnv" . | fromYaml) }}
            {{- end }}
            {{- range $variable, $value := mergeOverwrite $env (.env | default dict) $values.env }}
            - name: {{ $variable }}
              value: {{ $value | toString | quote }}
            {{- end }}
          ports:
            {{- range $port, $number := .ports }}
            - name: {{ $port }}
              containerPort: {{ $number }}
            {{- end }}
            - name: http-monitoring
              containerPort: 15014
          startupProbe:
            httpGet: { path: /healthz, port: http-monitoring }
            periodSeconds: 1
            failureThreshold: 60
          livenessProbe:
            httpGet: { path: /healthz, port: http-monitoring }
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 3
          readinessProbe:
            httpGet: { path: /readyz, port: http-monitoring }
            periodSeconds: 2
            timeoutSeconds: 2
            failureThreshold: 2
          lifecycle:
            preStop:
              {{- include "lateen.pause" $root | nindent 14 }}
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          securityContext:
            {{- include "lateen.containerSecurity" $root | nindent 12 }}
          {{- if or .store .identity }}
          volumeMounts:
            {{- if .identity }}
            - name: istio-token
              mountPath: /var/run/secrets/tokens
              readOnly: true
            - name: root-cert
              mountPath: /var/run/secrets/istio
              readOnly: true
            {{- end }}
            {{- if .store }}
            {{- include "lateen.storeMounts" . | nindent 12 }}
            {{- end }}
          {{- end }}
      {{- if or .store .identity }}
      volumes:
        {{- if .identity }}
        {{- include "lateen.identityVolumes" $root | nindent 8 }}
        {{- end }}
        {{- if .store }}
        {{- include "lateen.storeVolumes" . | nindent 8 }}
        {{- end }}
      {{- end }}
      {{- include "lateen.placement" . | nindent 6 }}
{{- end }}

{{- define "lateen.identityVolumes" -}}
- name: istio-token
  projected:
    sources:
      - serviceAccountToken:
          path: istio-token
          audience: istio-ca
          expirationSeconds: 43200
# Citadel writes it; until then the pod waits.
- name: root-cert
  configMap:
    name: istio-ca-root-cert
{{- end }}

{{/* All that goes with the Deployment but its Service and its roles. */}}
{{- define "lateen.workload" -}}
{{- $named := merge (dict "name" (printf "lateen-%s" .component)) . -}}
{{ include "lateen.deployment" . }}
---
{{ include "lateen.serviceAccount" $named }}
{{ include "lateen.autoscaler" $named }}
{{ include "lateen.disruptionBudget" $named }}
{{- end }}

{{/* Call with the dict of the Deployment and "servicePorts", a list of { name, port, targetPort }. */}}
{{- define "lateen.clusterService" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .serviceName | default (printf "lateen-%s" .component) }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "lateen.labels" . | nindent 4 }}
  {{- with .values.serviceAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  selector:
    {{- include "lateen.selector" . | nindent 4 }}
  ports:
    {{- range .servicePorts }}
    - name: {{ .name }}
      port: {{ .port }}
      targetPort: {{ .targetPort | default .port }}
    {{- end }}
{{- end }}
