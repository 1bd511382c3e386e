import { RpcCode, RpcError } from "@lateen/rpc";

/** Why a stream ended, in words for the log. */
export function describeStreamEnd(error: unknown): string {
  if (error === undefined) return "the proxy ended the stream";
  return error instanceof Error ? error.message : String(error);
}

export function codeNameOf(error: unknown): string {
  if (error === undefined) return "OK";
  const code = error instanceof RpcError ? error.code : RpcCode.INTERNAL;
  return Object.entries(RpcCode).find(([, value]) => value === code)?.[0] ?? String(code);
}
