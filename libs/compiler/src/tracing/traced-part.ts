import type * as ir from "@lateen/ir";
import { byIdentity } from "../index/remember.ts";

/**
 * `part` with the workload in the spans of its listeners: `part` itself where they do not speak of it. What a namespace's
 * workloads share stays theirs but for these listeners.
 */
export function tracedPart(part: ir.ProxyIr, workload: ir.TracedWorkload | undefined): ir.ProxyIr {
  if (workload === undefined || !part.listeners.some(speaksOfWorkload)) return part;
  const key = JSON.stringify(workload);
  const known = made(part);
  const same = known.get(key);
  if (same !== undefined) return same;
  const listeners = part.listeners.map((listener) =>
    speaksOfWorkload(listener) ? traced(listener, workload) : listener,
  );
  const own = { ...part, listeners };
  known.set(key, own);
  const [oldest] = known.keys();
  if (known.size > remembered && oldest !== undefined) known.delete(oldest);
  return own;
}

/** The same object for the same workload: what is made of it needs to be made once, however many scopes have it. */
const made = byIdentity((_part: ir.ProxyIr) => new Map<string, ir.ProxyIr>());
const remembered = 32;

function speaksOfWorkload({ chains, fallback }: ir.Listener): boolean {
  return chains.some(chainSpeaks) || (fallback !== undefined && chainSpeaks(fallback));
}

function chainSpeaks({ handler }: ir.FilterChain): boolean {
  if (handler.kind !== "http" || handler.tracing === undefined) return false;
  const { describesWorkload, tracer } = handler.tracing;
  return describesWorkload === true || tracer?.kind === "datadog" || tracer?.kind === "opentelemetry";
}

function traced(listener: ir.Listener, workload: ir.TracedWorkload): ir.Listener {
  const chain = (one: ir.FilterChain): ir.FilterChain => {
    const { handler } = one;
    if (!chainSpeaks(one) || handler.kind !== "http" || handler.tracing === undefined) return one;
    return { ...one, handler: { ...handler, tracing: { ...handler.tracing, workload } } };
  };
  return {
    ...listener,
    chains: listener.chains.map(chain),
    ...(listener.fallback === undefined ? {} : { fallback: chain(listener.fallback) }),
  };
}
