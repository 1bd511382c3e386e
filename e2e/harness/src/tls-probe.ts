import { once } from "node:events";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";

export interface TlsProbe {
  readonly address: string;
  readonly port: number;
  readonly serverName?: string;
  readonly alpn?: readonly string[];
  /** Our own certificate and key, PEM. */
  readonly certificate?: string;
  readonly privateKey?: string;
  /** PEM of the root to trust; without it any certificate is taken. */
  readonly root?: string;
  /** What the client is willing to speak. */
  readonly offers?: Pick<ConnectionOptions, "minVersion" | "maxVersion" | "ciphers" | "ecdhCurve">;
  /** Sent after the handshake, to see that the server goes on. TLS 1.3 tells of a missing client certificate only then. */
  readonly payload: string;
}

export interface TlsResult {
  readonly protocol: string;
  readonly alpn: string;
  /** By OpenSSL's name. */
  readonly cipher: string;
  /** `URI:spiffe://…`, as Node prints subject alternative names. */
  readonly peerNames: string;
  readonly received: string;
}

/** A handshake, one payload, and the first bytes that come back. Rejects when the server ends before it answers. */
export async function probeTls(probe: TlsProbe): Promise<TlsResult> {
  const socket: TLSSocket = connect({
    host: probe.address,
    port: probe.port,
    ...probe.offers,
    ALPNProtocols: [...(probe.alpn ?? [])],
    rejectUnauthorized: probe.root !== undefined,
    checkServerIdentity: () => undefined, // mesh certificates name a SPIFFE id, not a host
    ...(probe.serverName !== undefined && { servername: probe.serverName }),
    ...(probe.root !== undefined && { ca: probe.root }),
    ...(probe.certificate !== undefined && { cert: probe.certificate }),
    ...(probe.privateKey !== undefined && { key: probe.privateKey }),
  });
  try {
    const ended = once(socket, "close").then(() => {
      throw new Error("the server closed the connection without an answer");
    });
    const timedOut = AbortSignal.timeout(30_000);
    const failed = Promise.race([
      ended,
      once(timedOut, "abort").then(() => Promise.reject(new Error("no answer in 30 s"))),
    ]);
    failed.catch(() => undefined);
    await Promise.race([once(socket, "secureConnect"), failed]);
    const answer = once(socket, "data");
    socket.write(probe.payload);
    const [chunk] = (await Promise.race([answer, failed])) as [Buffer];
    return {
      protocol: socket.getProtocol() ?? "",
      alpn: socket.alpnProtocol || "",
      cipher: socket.getCipher().name,
      peerNames: socket.getPeerCertificate().subjectaltname ?? "",
      received: chunk.toString("utf8"),
    };
  } finally {
    socket.destroy();
  }
}
