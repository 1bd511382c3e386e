{{/* The services that are clients of the mesh store, which are NATS's users. */}}
{{- define "lateen.storeServices" -}}
galley-validator pilot citadel mixer-policy
{{- end }}

{{/* Labels of everything. Call with (dict "root" $ "component" "pilot"). */}}
{{- define "lateen.labels" -}}
{{ include "lateen.selector" . }}
app.kubernetes.io/part-of: lateen
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "lateen.selector" -}}
app.kubernetes.io/name: lateen
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{/* Name of a cluster-scoped object: two installations in two namespaces do not meet. */}}
{{- define "lateen.clusterName" -}}
lateen-{{ .component }}-{{ .root.Release.Namespace }}
{{- end }}

{{/* An image reference. Call with (dict "root" $ "own" .Values.pilot.image "name" "pilot"). */}}
{{- define "lateen.image" -}}
{{- $repository := .own.repository | default (printf "%s/%s" .root.Values.image.repository .name) -}}
{{- $tag := .own.tag | default .root.Values.image.tag | default .root.Chart.AppVersion -}}
{{- printf "%s:%s" $repository $tag -}}
{{- end }}

{{- define "lateen.proxyImage" -}}
{{- include "lateen.image" (dict "root" . "own" .Values.proxy.image "name" "proxy") -}}
{{- end }}

{{- define "lateen.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "lateen.caAddress" -}}
lateen-citadel.{{ .Release.Namespace }}.svc:15012
{{- end }}

{{/* What pods of the chart may do: nothing. */}}
{{- define "lateen.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "lateen.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Waits, while nothing new is sent to the pod any more. */}}
{{- define "lateen.pause" -}}
{{- if semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version -}}
sleep:
  seconds: {{ .Values.drainSeconds }}
{{- else -}}
exec:
  command: [sleep, {{ .Values.drainSeconds | quote }}]
{{- end -}}
{{- end }}

{{/* Where a pod may run. Call with (dict "root" $ "component" … "values" .Values.pilot). */}}
{{- define "lateen.placement" -}}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "lateen.selector" $ | nindent 8 }}
  {{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/*
Replicas to write: as many as asked for, or what an autoscaler has made of it meanwhile, so that an upgrade does not
scale down. Call with (dict "root" $ "name" <Deployment> "values" .Values.pilot).
*/}}
{{- define "lateen.replicas" -}}
{{- $wanted := int .values.replicas -}}
{{- if .values.autoscaling.enabled -}}
{{- $live := lookup "apps/v1" "Deployment" .root.Release.Namespace .name -}}
{{- $limit := max $wanted (int .values.autoscaling.maxReplicas) -}}
{{- min $limit (max $wanted (int (dig "spec" "replicas" 0 ($live | default dict)))) -}}
{{- else -}}
{{- $wanted -}}
{{- end -}}
{{- end }}

{{- define "lateen.autoscaler" -}}
{{- if .values.autoscaling.enabled }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "lateen.labels" . | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ .name }}
  minReplicas: {{ .values.replicas }}
  maxReplicas: {{ max (int .values.replicas) (int .values.autoscaling.maxReplicas) }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ .values.autoscaling.targetCPUUtilizationPercentage }}
{{- end }}
{{- end }}

{{- define "lateen.disruptionBudget" -}}
{{- if .values.podDisruptionBudget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "lateen.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ .values.podDisruptionBudget.maxUnavailable }}
  selector:
    matchLabels:
      {{- include "lateen.selector" . | nindent 6 }}
{{- end }}
{{- end }}

{{- define "lateen.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "lateen.labels" . | nindent 4 }}
automountServiceAccountToken: false
{{- end }}

{{/* Binds the ClusterRole of this component to its account. */}}
{{- define "lateen.clusterRoleBinding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ include "lateen.clusterName" . }}
  labels:
    {{- include "lateen.labels" . | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ include "lateen.clusterName" . }}
subjects:
  - kind: ServiceAccount
    name: lateen-{{ .component }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}

{{- define "lateen.meshConfigReader" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: lateen-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "lateen.labels" . | nindent 4 }}
rules:
  - apiGroups: [""]
    resources: [configmaps]
    resourceNames: [istio]
    verbs: [get, list, watch]
---
{{ include "lateen.roleBinding" . }}
{{- end }}
{{- define "lateen.roleBinding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: lateen-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "lateen.labels" . | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: lateen-{{ .component }}
subjects:
  - kind: ServiceAccount
    name: lateen-{{ .component }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}
