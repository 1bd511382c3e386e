import type { ConnectedProxy, ProxyStatus, RejectionReport } from "@lateen/xds-server";
import { memo } from "../memo.ts";

/** A refusal that still stands. */
export interface StandingRejection {
  readonly proxy: ConnectedProxy;
  readonly report: RejectionReport;
}

/** Remembers what proxies refused, for as long as it stands. */
export class Rejections {
  readonly #last = new Map<string, Map<string, StandingRejection>>();

  add(proxy: ConnectedProxy, report: RejectionReport): void {
    const ofProxy = memo(this.#last, proxy.connectionId, () => new Map<string, StandingRejection>());
    ofProxy.set(report.typeUrl, { proxy, report });
  }

  forget(proxy: ConnectedProxy): void {
    this.#last.delete(proxy.connectionId);
  }

  /** `proxies` is asked for only if any of them may have refused something. */
  standing(proxies: () => readonly ProxyStatus[]): StandingRejection[] {
    if (this.#last.size === 0) return [];
    return proxies().flatMap(({ proxy, types }) =>
      types
        .filter(({ state }) => state === "ERROR")
        .flatMap(({ typeUrl }) => this.#last.get(proxy.connectionId)?.get(typeUrl) ?? []),
    );
  }
}
