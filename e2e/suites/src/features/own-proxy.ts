import { once } from "node:events";
import { request } from "node:http";
import { type HttpAnswer, type HttpRequest, type SampleAnswer, send } from "@lateen/e2e-harness";
import type { FeatureContext, MeshProxy } from "./feature.ts";

/** A Sidecar for the row's own proxy alone. */
export function sidecarOf(row: FeatureContext, spec: object): object {
  const workloadSelector = { labels: { row: row.slug } };
  return sidecarIn(row.named(), { workloadSelector, ...spec });
}

export function sidecarIn(metadata: object, spec: object): object {
  return { apiVersion: "networking.istio.io/v1", kind: "Sidecar", metadata, spec };
}

/** `./<host of the row's Service>` */
export function own(row: FeatureContext, suffix?: string): string {
  return `./${row.mesh.host(row.named(suffix).name)}`;
}

/** A proxy that the row's Sidecar selects, serving; ends on dispose. */
export async function ownProxy(
  row: FeatureContext,
  more: Partial<Parameters<FeatureContext["startProxy"]>[0]> = {},
): Promise<MeshProxy & AsyncDisposable> {
  const { labels, ...rest } = more;
  const proxy = await row.startProxy({ pod: `${row.slug}-1`, labels: { row: row.slug, ...labels }, ...rest });
  await row.eventually(async () => (await proxy.admin.updates()).accepted > 1);
  return proxy;
}

/** Asks the proxy for a Service of the row, until it listens. */
export async function through(
  row: FeatureContext,
  proxy: { readonly address: string },
  asked: Partial<HttpRequest> = {},
): Promise<HttpAnswer> {
  let answer: HttpAnswer | undefined;
  await row.eventually(async () => {
    answer = await send({ address: proxy.address, port: row.port, host: row.host, ...asked });
  });
  if (answer === undefined) throw new Error("no answer");
  return answer;
}

export function sampleOf({ body }: HttpAnswer): SampleAnswer {
  return JSON.parse(body) as SampleAnswer;
}

/** One request to a Unix socket. */
export async function askSocket(path: string, host: string): Promise<{ status: number; body: string }> {
  const call = request({ socketPath: path, path: "/", headers: { host }, agent: false });
  call.end();
  const [response] = (await once(call, "response")) as [NodeJS.ReadableStream & { statusCode?: number }];
  let body = "";
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode ?? 0, body };
}
