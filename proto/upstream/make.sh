#!/usr/bin/env bash
# Makes descriptors.binpb from the pinned Go modules in go.mod. Needs Go; only run when a pin moves.
set -euo pipefail
cd "$(dirname "$0")"
# istio.io/api/envoy: the same types are in the contrib module since Envoy 1.36.
modules=(github.com/envoyproxy/go-control-plane/envoy github.com/envoyproxy/go-control-plane/contrib istio.io/api)
{
  printf 'package main\n\nimport (\n'
  for module in "${modules[@]}"; do
    dir=$(go mod download -json "$module" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
    (cd "$dir" && find . -name '*.pb.go' -printf '%h\n' | sort -u | sed "s|^\.|$module|") | grep -vE 'istio.io/api/(envoy|mcp)/' || true
  done | sort -u | sed 's|.*|\t_ "&"|'
  printf '\t_ "github.com/cncf/xds/go/udpa/type/v1"\n\t_ "github.com/cncf/xds/go/xds/type/v3"\n'
  printf '\t_ "go.opentelemetry.io/proto/otlp/collector/logs/v1"\n\t_ "go.opentelemetry.io/proto/otlp/collector/trace/v1"\n\t_ "go.opentelemetry.io/proto/otlp/collector/metrics/v1"\n\t_ "google.golang.org/grpc/health/grpc_health_v1"\n)\n'
} > imports.go
go mod tidy
go run . descriptors.binpb
