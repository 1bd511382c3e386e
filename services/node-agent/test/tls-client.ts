import { once } from "node:events";
import { request } from "node:https";
import type { TLSSocket } from "node:tls";
import type { TlsMaterial } from "@lateen/rpc";

export interface TlsAnswer {
  readonly status: number;
  readonly body: string;
  /** The server's certificate: whose it is, and which. */
  readonly uri: string;
  readonly serialNumber: string;
}

/** One request on a connection of its own; the server's certificate must come from `client`'s roots. Rejects if refused. */
export async function askOverTls(
  host: string,
  port: number,
  client: Partial<TlsMaterial> & Pick<TlsMaterial, "rootsPem">,
): Promise<TlsAnswer> {
  const call = request({
    host,
    port,
    agent: false,
    ca: client.rootsPem,
    cert: client.certificateChainPem,
    key: client.privateKeyPem,
    checkServerIdentity: () => undefined, // a mesh certificate has no DNS name: the caller looks at its URI
    timeout: 5_000,
  });
  call.once("timeout", () => call.destroy(new Error("no answer in time")));
  call.end();
  const [response] = await once(call, "response");
  const certificate = (response.socket as TLSSocket).getPeerCertificate();
  let body = "";
  for await (const chunk of response) body += String(chunk);
  return {
    status: response.statusCode,
    body,
    uri: certificate.subjectaltname ?? "",
    serialNumber: certificate.serialNumber,
  };
}
