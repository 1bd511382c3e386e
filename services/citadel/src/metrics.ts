import type { CertificateAuthority } from "@lateen/pki";
import { parseCertificates } from "@lateen/pki";
import { Counter, Gauge, type Registry } from "prom-client";

export interface CitadelMetrics {
  readonly csrCount: Counter;
  readonly authenticationFailures: Counter;
  readonly csrParsingFailures: Counter;
  readonly signFailures: Counter<"error">;
  readonly issued: Counter;
  readonly secretWatches: Gauge;
  readonly secretRefusals: Counter;
}

/** Those that begin with `citadel_server` are Istio's. */
export function registerCitadelMetrics(
  registry: Registry,
  authority: () => CertificateAuthority | undefined,
): CitadelMetrics {
  const registers = [registry];
  registerExpiries(registry, authority);
  return {
    csrCount: new Counter({ name: "citadel_server_csr_count", help: "Certificate requests received.", registers }),
    authenticationFailures: new Counter({
      name: "citadel_server_authentication_failure_count",
      help: "Callers that could not prove who they are.",
      registers,
    }),
    csrParsingFailures: new Counter({
      name: "citadel_server_csr_parsing_err_count",
      help: "Certificate requests that could not be read or were too weak.",
      registers,
    }),
    signFailures: new Counter({
      name: "citadel_server_csr_sign_err_count",
      help: "Certificate requests that were not signed, by the reason.",
      labelNames: ["error"],
      registers,
    }),
    issued: new Counter({
      name: "citadel_server_success_cert_issuance_count",
      help: "Certificates issued.",
      registers,
    }),
    secretWatches: new Gauge({
      name: "citadel_gateway_secret_watches",
      help: "Gateway secrets that are being watched.",
      registers,
    }),
    secretRefusals: new Counter({
      name: "citadel_gateway_secret_refusals_total",
      help: "Callers that asked for gateway secrets and may not have them.",
      registers,
    }),
  };
}

/** Read when scraped, so that "seconds left" is true at that moment. */
function registerExpiries(registry: Registry, authority: () => CertificateAuthority | undefined): void {
  const rootEnd = (): number | undefined => earliest(authority()?.material.rootsPem);
  const chainEnd = (): number | undefined => earliest(authority()?.material.certificatePem);
  const expiries = [
    { name: "citadel_server_root_cert_expiry", what: "the root certificate", end: rootEnd },
    { name: "citadel_server_cert_chain_expiry", what: "the signing certificate", end: chainEnd },
  ];
  for (const { name, what, end } of expiries) {
    gauge(registry, `${name}_timestamp`, `Unix time at which ${what} expires.`, () => end());
    gauge(registry, `${name}_seconds`, `Seconds until ${what} expires; -1 while there is none.`, () => {
      const at = end();
      return at === undefined ? -1 : at - Date.now() / 1000;
    });
  }
}

function gauge(registry: Registry, name: string, help: string, value: () => number | undefined): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(value() ?? 0);
    },
  });
}

function earliest(pem: string | undefined): number | undefined {
  const ends = parseCertificates(pem ?? "").map(({ notAfterMs }) => notAfterMs / 1000);
  return ends.length === 0 ? undefined : Math.min(...ends);
}
