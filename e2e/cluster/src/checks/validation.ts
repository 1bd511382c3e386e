import { sample, type World } from "../world.ts";

interface Refusal {
  readonly what: string;
  readonly object: object;
  /** All of it must be in what kubectl prints: the field, and what would be right. */
  readonly says: readonly RegExp[];
}

const meta = (name: string) => ({ metadata: { name } });
const virtualService = (name: string, spec: object) => ({
  apiVersion: "networking.istio.io/v1",
  kind: "VirtualService",
  ...meta(name),
  spec,
});

const refusals: readonly Refusal[] = [
  {
    what: "weights",
    object: virtualService("weights", {
      hosts: ["reviews"],
      http: [{ route: [{ destination: { host: "reviews" }, weight: -1 }] }],
    }),
    says: [/spec\.http\[0\]\.route\[0\]\.weight/],
  },
  {
    what: "delegate of a delegate",
    object: virtualService("no-hosts", { http: [{ delegate: { name: "other" } }] }),
    says: [/spec\.http\[0\]\.delegate/, /move the rules up/],
  },
  {
    what: "misspelt field of Envoy's",
    object: {
      apiVersion: "networking.istio.io/v1alpha3",
      kind: "EnvoyFilter",
      ...meta("patch"),
      spec: { configPatches: [{ applyTo: "CLUSTER", patch: { operation: "MERGE", value: { connect_timeot: "5s" } } }] },
    },
    says: [/spec\.configPatches\[0\]\.patch\.value\.connect_timeot/, /did you mean/],
  },
  {
    what: "host without a namespace",
    object: {
      apiVersion: "networking.istio.io/v1",
      kind: "Sidecar",
      ...meta("reach"),
      spec: { egress: [{ hosts: ["reviews"] }] },
    },
    says: [/spec\.egress\[0\]\.hosts\[0\]/, /namespace\/host/],
  },
  {
    what: "misspelt field",
    object: virtualService("misspelt", {
      hosts: ["reviews"],
      http: [{ rout: [{ destination: { host: "reviews" } }] }],
    }),
    says: [/rout/],
  },
  {
    what: "misspelt enumeration",
    object: {
      apiVersion: "security.istio.io/v1",
      kind: "PeerAuthentication",
      ...meta("mode"),
      spec: { mtls: { mode: "STRIKT" } },
    },
    says: [/spec\.mtls\.mode/, /STRICT/],
  },
  {
    what: "regular expression",
    object: virtualService("expression", {
      hosts: ["reviews"],
      http: [{ match: [{ uri: { regex: "(" } }], route: [{ destination: { host: "reviews" } }] }],
    }),
    says: [/spec\.http\[0\]\.match\[0\]\.uri\.regex/],
  },
  {
    what: "duration",
    object: virtualService("duration", {
      hosts: ["reviews"],
      http: [{ timeout: "5 seconds", route: [{ destination: { host: "reviews" } }] }],
    }),
    says: [/spec\.http\[0\]\.timeout/],
  },
  {
    what: "limit without a unit",
    object: {
      apiVersion: "policy.lateen.dev/v1alpha1",
      kind: "RateLimit",
      ...meta("unit"),
      spec: { rules: [{ name: "all", limit: { requests: 5 } }] },
    },
    says: [/spec\.rules\[0\]\.limit\.unit/, /MINUTE/],
  },
];

export async function invalidIsRefused(world: World): Promise<string> {
  const { cluster, samples } = world;
  const mistakes: string[] = [];
  for (const { what, object, says } of refusals) {
    const { code, stderr } = await cluster.judge(samples, object);
    if (code === 0) {
      mistakes.push(`${what} was accepted`);
      await cluster.remove(samples, object);
    } else
      mistakes.push(
        ...says
          .filter((pattern) => !pattern.test(stderr))
          .map((pattern) => `${what}: ${String(pattern)} is not in "${stderr.trim()}"`),
      );
  }
  if (mistakes.length > 0) throw new Error(mistakes.join("\n"));
  const { code, stderr } = await cluster.try([
    "apply",
    "-n",
    samples,
    "--dry-run=server",
    "-f",
    sample(world, "reviews-50-50.yaml"),
  ]);
  if (code !== 0) throw new Error(`a valid object was refused: ${stderr}`);
  return `${refusals.map(({ what }) => what).join(", ")}: each with its field`;
}

/** Fields of Istio that are not built are told of by name when they are applied. */
export async function notBuiltIsWarnedOf(world: World): Promise<string> {
  const server = {
    port: { number: 80, name: "http", protocol: "HTTP" },
    hosts: ["*"],
    defaultEndpoint: "127.0.0.1:80",
  };
  const object = {
    apiVersion: "networking.istio.io/v1",
    kind: "Gateway",
    ...meta("warned"),
    spec: { selector: { app: "nobody" }, servers: [server] },
  };
  const { code, stderr } = await world.cluster.judge(world.samples, object);
  await world.cluster.remove(world.samples, object);
  if (code !== 0) throw new Error(`refused: ${stderr}`);
  if (!/Warning: .*spec\.servers\[0\]\.defaultEndpoint.*not built/i.test(stderr))
    throw new Error(`no warning names spec.servers[0].defaultEndpoint: "${stderr.trim()}"`);
  return stderr.trim().split("\n")[0] ?? "";
}
