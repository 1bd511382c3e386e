import { codeNameOf, describeStreamEnd } from "./stream-end.ts";
import { fields } from "@lateen/runtime";
import type { Logger } from "@lateen/runtime";
import { shortTypeName } from "@lateen/xds-server";
import type { ConnectedProxy, XdsObserver } from "@lateen/xds-server";
import { memo } from "../memo.ts";
import type { PilotMetrics } from "../metrics.ts";
import type { Progress } from "../progress/progress.ts";
import type { Registrations } from "./registrations.ts";
import type { Rejections } from "../progress/rejections.ts";
import { versionOf } from "./connected-node.ts";

export interface ObserverOptions {
  readonly logger: Logger;
  readonly metrics: PilotMetrics;
  readonly progress: Progress;
  readonly rejections: Rejections;
  readonly registrations: Pick<Registrations, "connected" | "disconnected" | "healthReported">;
}

/** Turns what happens on streams into logs, metrics and progress. */
export function xdsObserver({ logger, metrics, progress, rejections, registrations }: ObserverOptions): XdsObserver {
  const labels = new Map<string, { readonly type: string }>();
  const of = (typeUrl: string) => memo(labels, typeUrl, () => ({ type: shortTypeName(typeUrl).toLowerCase() }));
  return {
    connected(proxy) {
      registrations.connected(proxy);
      metrics.proxies.inc({ version: versionOf(proxy) });
      logger.info({ ...about(proxy), delta: proxy.delta, [fields.version]: versionOf(proxy) }, "proxy connected");
      progress.changed();
    },
    disconnected(proxy, error) {
      registrations.disconnected(proxy);
      metrics.proxies.dec({ version: versionOf(proxy) });
      rejections.forget(proxy);
      logger.info(
        { ...about(proxy), [fields.reason]: describeStreamEnd(error), [fields.code]: codeNameOf(error) },
        "proxy disconnected",
      );
      progress.changed();
    },
    healthReported: (proxy, problem) => registrations.healthReported(proxy, problem),
    admitted(_proxy, waitedMs) {
      metrics.admittedSeconds.observe(waitedMs / 1_000);
    },
    pushed(_proxy, { typeUrl, bytes, encodeMs }) {
      metrics.pushes.inc(of(typeUrl));
      metrics.pushSeconds.observe(of(typeUrl), encodeMs / 1_000);
      metrics.configBytes.observe(of(typeUrl), bytes);
    },
    acknowledged(_proxy, typeUrl, elapsedMs) {
      metrics.acknowledgeSeconds.observe(of(typeUrl), elapsedMs / 1_000);
    },
    rejected(proxy, report) {
      metrics.rejects.inc(of(report.typeUrl));
      rejections.add(proxy, report);
      const origins = [...new Set(report.resources.flatMap(({ origin }) => origin?.split(",") ?? []))];
      const resources = report.resources.slice(0, 10).map(({ name }) => name);
      logger.warn(
        {
          ...about(proxy),
          [fields.typeUrl]: report.typeUrl,
          [fields.nonce]: report.nonce,
          [fields.reason]: report.message,
          [fields.resource]: resources,
          [fields.origin]: origins.slice(0, 10),
        },
        "proxy refused configuration and keeps its last good one",
      );
      progress.changed();
    },
    advanced(_proxy, revision) {
      const arrivedAtMs = progress.arrivedAtMs(revision);
      if (arrivedAtMs !== undefined) metrics.convergenceSeconds.observe((performance.now() - arrivedAtMs) / 1_000);
      progress.changed();
    },
    problem(proxy, error) {
      logger.warn(
        { ...about(proxy), [fields.reason]: error instanceof Error ? error.message : String(error) },
        "a proxy's request cannot be served",
      );
    },
  };
}

function about(proxy: ConnectedProxy): object {
  const spiffeId = proxy.peer.kind === "tls" ? proxy.peer.spiffeId : undefined;
  return {
    [fields.proxy]: proxy.id,
    [fields.peer]: proxy.peerAddress,
    ...(spiffeId === undefined ? {} : { [fields.spiffeId]: spiffeId }),
  };
}
