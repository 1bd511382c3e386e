import { readFile } from "node:fs/promises";
import { eventually, TempDir } from "@lateen/e2e-harness";
import { capture } from "../command.ts";
import { headersSeen } from "../request.ts";
import { sample, type World } from "../world.ts";
import { spiffeId } from "./samples.ts";

const host = "reviews.example.com";
const certificateSecret = "reviews-cert";

/** From this machine, by the address that the load balancer gave. */
export async function ingressComesIn(world: World): Promise<string> {
  const { cluster, samples, system } = world;
  await cluster.apply(samples, sample(world, "ingress.yaml"));
  const address = await addressOf(world);
  const body = await eventually(() => curl("-f", "-H", `Host: ${host}`, `http://${address}/`), {
    what: `${host} answers at ${address}`,
    timeoutMs: 120_000,
    intervalMs: 250,
  });
  const identity = headersSeen({ status: 200, headers: {}, body })["x-forwarded-client-cert"] ?? "";
  const gateway = spiffeId(world, "istio-ingressgateway", system);
  if (!identity.includes(`URI=${gateway}`)) throw new Error(`reviews was called by "${identity}", expected ${gateway}`);
  const other = await curl(
    "-o",
    "/dev/null",
    "-w",
    "%{http_code}",
    "-H",
    "Host: unknown.example.com",
    `http://${address}/`,
  );
  if (other !== "404") throw new Error(`a host that no Gateway names got ${other}, expected 404`);
  return `200 at ${address}, upstream as ${gateway}; unknown host 404`;
}

/** The certificate is a Secret's; when the Secret changes, so does what the gateway shows. */
export async function ingressTerminatesTls(world: World): Promise<string> {
  const { cluster, samples, system } = world;
  const address = await addressOf(world);
  await using scratch = await TempDir.create();
  const first = await makeCertificate(scratch, "first");
  const second = await makeCertificate(scratch, "second");
  const verified = (certificate: Certificate): Promise<string> =>
    eventually(
      () => curl("-f", "--cacert", certificate.file, "--resolve", `${host}:443:${address}`, `https://${host}/`),
      {
        what: `${host} shows the certificate "${certificate.name}"`,
        timeoutMs: 120_000,
        intervalMs: 250,
      },
    );
  await cluster.apply(system, secretOf(first));
  try {
    await cluster.apply(samples, sample(world, "ingress-tls.yaml"));
    await verified(first);
    await cluster.apply(system, secretOf(second));
    const started = Date.now();
    await verified(second);
    return `HTTPS by the Secret's certificate; a new one is shown ${Date.now() - started} ms after the Secret changed`;
  } finally {
    await cluster.remove(samples, sample(world, "ingress-tls.yaml"));
    await cluster.remove(system, secretOf(second));
  }
}

export async function addressOf(world: World): Promise<string> {
  return eventually(() => ingressAddress(world), {
    what: "the ingress gateway has an address",
    timeoutMs: 240_000,
    intervalMs: 500,
  });
}

async function ingressAddress({ cluster, system }: World): Promise<string | undefined> {
  const service = await cluster.get("service", "istio-ingressgateway", "-n", system);
  const status = service["status"] as { loadBalancer?: { ingress?: readonly { ip?: string; hostname?: string }[] } };
  const [first] = status.loadBalancer?.ingress ?? [];
  return first?.ip ?? first?.hostname;
}

/** By curl: Node's fetch does not let one set Host. */
function curl(...args: readonly string[]): Promise<string> {
  return capture("curl", ["-sS", "-m", "10", ...args]);
}

interface Certificate {
  readonly name: string;
  readonly file: string;
  readonly certificate: string;
  readonly key: string;
}

async function makeCertificate(scratch: TempDir, name: string): Promise<Certificate> {
  const [file, keyFile] = [scratch.join(`${name}.crt`), scratch.join(`${name}.key`)];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", keyFile];
  const names = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${host}`];
  await capture("openssl", ["req", "-x509", "-days", "2", ...key, ...names, "-out", file]);
  return { name, file, certificate: await readFile(file, "utf8"), key: await readFile(keyFile, "utf8") };
}

function secretOf({ certificate, key }: Certificate): object {
  return {
    apiVersion: "v1",
    kind: "Secret",
    type: "kubernetes.io/tls",
    metadata: { name: certificateSecret },
    stringData: { "tls.crt": certificate, "tls.key": key },
  };
}
