{{/* How a service reaches the mesh store. Each is a NATS user of its own, with a reply subject of its own. */}}
{{- define "lateen.storeEnv" -}}
{{- $nats := .root.Values.nats -}}
{{- $kind := ternary $nats.credentialsKind "password" (ne $nats.url "") -}}
NATS_URL: {{ $nats.url | default (printf "%s://lateen-nats.%s.svc:4222" (ternary "tls" "nats" $nats.tls) .root.Release.Namespace) }}
NATS_BUCKET: {{ $nats.bucket }}
NATS_REPLICAS: {{ ternary $nats.bucketReplicas 1 (ne $nats.url "") | quote }}
NATS_INBOX_PREFIX: _INBOX_{{ .component }}
{{- if or (not $nats.url) $nats.credentialsSecret }}
{{- if eq $kind "password" }}
NATS_USER: {{ .component }}
NATS_PASSWORD_FILE: /var/run/secrets/nats/credential
{{- else if eq $kind "creds" }}
NATS_CREDS_FILE: /var/run/secrets/nats/credential
{{- else }}
NATS_NKEY_SEED_FILE: /var/run/secrets/nats/credential
{{- end }}
{{- end }}
{{- if include "lateen.storeCaSecret" .root }}
NATS_CA_FILE: /var/run/secrets/nats/ca.crt
{{- end }}
{{- end }}

{{- define "lateen.storeCaSecret" -}}
{{- if .Values.nats.url -}}
{{- .Values.nats.caSecret -}}
{{- else if .Values.nats.tls -}}
lateen-nats-ca
{{- end -}}
{{- end }}

{{- define "lateen.storeUsersSecret" -}}
{{- if .Values.nats.url -}}
{{- .Values.nats.credentialsSecret -}}
{{- else -}}
lateen-nats-users
{{- end -}}
{{- end }}

{{- define "lateen.storeMounts" -}}
{{- $secret := include "lateen.storeUsersSecret" .root -}}
{{- if or $secret (include "lateen.storeCaSecret" .root) -}}
- name: nats
  mountPath: /var/run/secrets/nats
  readOnly: true
{{- end }}
{{- end }}

{{/* Its own credential only. */}}
{{- define "lateen.storeVolumes" -}}
{{- $secret := include "lateen.storeUsersSecret" .root -}}
{{- $ca := include "lateen.storeCaSecret" .root -}}
{{- if or $secret $ca -}}
- name: nats
  projected:
    sources:
      {{- with $secret }}
      - secret:
          name: {{ . }}
          items:
            - key: {{ $.component }}
              path: credential
      {{- end }}
      {{- with $ca }}
      - secret:
          name: {{ . }}
          items:
            - key: ca.crt
              path: ca.crt
      {{- end }}
{{- end }}
{{- end }}

{{/* What a reader of the bucket asks of JetStream (libs/mesh-store/src/nats/permissions.ts). */}}
{{- define "lateen.readerSubjects" -}}
{{- $stream := printf "KV_%s" .Values.nats.bucket -}}
- $JS.API.STREAM.INFO.{{ $stream }}
- $JS.API.STREAM.MSG.GET.{{ $stream }}
- $JS.API.CONSUMER.CREATE.{{ $stream }}
- $JS.API.CONSUMER.CREATE.{{ $stream }}.>
- $JS.API.CONSUMER.DELETE.{{ $stream }}.>
- $JS.FC.{{ $stream }}.>
{{- end }}

{{/*
What each user may write. Only galley-validator writes configuration and what was discovered, only citadel writes
trust; both may make the bucket, since either can be the first.
*/}}
{{- define "lateen.writerSubjects" -}}
{{- $bucket := .Values.nats.bucket -}}
{{- $key := printf "$KV.%s" $bucket -}}
{{- $create := list (printf "$JS.API.STREAM.CREATE.KV_%s" $bucket) -}}
{{- $writers := dict
  "galley-validator" (concat $create (list (print $key ".config.>") (print $key ".service.>") (print $key ".endpoint.>") (print $key ".workload.>") (print $key ".registration.>") (print $key ".status.galley-validator.>") (print $key ".lease.galley-validator")))
  "citadel" (concat $create (list (print $key ".trust.>") (print $key ".status.citadel.>") (print $key ".lease.citadel-root-cert")))
  "pilot" (list (print $key ".status.pilot.>") (print $key ".registration.>"))
  "mixer-policy" (list (print $key ".status.mixer-policy.>") "mesh.policy.v1.counted")
-}}
{{- toYaml $writers -}}
{{- end }}

{{/* What each user may hear besides the answers to itself: replicas of mixer-policy tell each other what they counted. */}}
{{- define "lateen.heardSubjects" -}}
{{- dict "mixer-policy" (list "mesh.policy.v1.counted") | toYaml -}}
{{- end }}
