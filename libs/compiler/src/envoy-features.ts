import type { Release } from "@lateen/model";

/**
 * Fields that the oldest Envoy we serve (1.36) does not know, with the first release that does. A proxy that does not
 * say its release gets none of them: an unknown field may make the whole resource invalid.
 */
const since = {
  /** `CustomTag.value`, a format string. */
  "formatted-log-tags": { major: 1, minor: 37 },
  /** `ZipkinConfig.collector_service`. */
  "zipkin-collector-service": { major: 1, minor: 37 },
  /** `HttpConnectionManager.Tracing.no_context_propagation`. */
  "traces-kept-from-servers": { major: 1, minor: 38 },
  /** `RetryBudget.budget_interval`. */
  "retry-budget-interval": { major: 1, minor: 40 },
} as const satisfies Readonly<Record<string, Release>>;

export type EnvoyFeature = keyof typeof since;

export function featuresOf(release: Release | undefined): readonly EnvoyFeature[] {
  if (release === undefined) return [];
  const known = Object.entries(since).filter(([, first]) => isAtLeast(release, first));
  return known.map(([name]) => name as EnvoyFeature).sort();
}

function isAtLeast(release: Release, first: Release): boolean {
  return release.major !== first.major ? release.major > first.major : release.minor >= first.minor;
}
