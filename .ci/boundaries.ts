/**
 * Holds every package manifest against the architecture's table of what may know what. pnpm makes a manifest
 * binding (an undeclared package cannot be resolved), so checking manifests checks imports. Also: no deep imports,
 * no relative import that leaves its package.
 */
import { globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");

/** Library → Lateen libraries it may depend on. Services may depend on any library; only the CLI on services. */
const mayKnow: Readonly<Record<string, readonly string[]>> = {
  protos: [],
  model: [],
  api: ["model", "protos"],
  ir: ["model"],
  compiler: ["api", "ir", "model"],
  "xds-build": ["ir", "model", "protos"],
  rpc: ["protos"],
  "xds-server": ["protos", "rpc"],
  "mesh-store": ["protos"],
  pki: ["model"],
  identity: ["pki", "protos", "rpc"],
  kube: [],
  registries: ["model", "protos"],
  runtime: [],
  binaries: [],
  testkit: ["*"],
};

/** Third-party packages that only these libraries may hold: one adapter for each outside system. */
const onlyIn: Readonly<Record<string, readonly string[]>> = {
  nats: ["mesh-store"],
  "@nats-io/jetstream": ["mesh-store"],
  "@kubernetes/client-node": ["kube"],
  "@grpc/grpc-js": ["rpc"],
  "@peculiar/x509": ["pki", "testkit"],
  "@opentelemetry/sdk-node": ["runtime"],
};

const problems: string[] = [];
const manifests = globSync("{libs,services,e2e,deploy}/*/package.json", { cwd: root });

for (const path of manifests) {
  const manifest = JSON.parse(readFileSync(join(root, path), "utf8")) as { dependencies?: Record<string, string> };
  const [area = "", name = ""] = path.split("/");
  for (const dependency of Object.keys(manifest.dependencies ?? {})) {
    const holders = onlyIn[dependency];
    if (holders !== undefined && area !== "e2e" && !holders.includes(name))
      problems.push(`${path}: ${dependency} belongs to libs/${holders.join(", libs/")} alone`);
    if (!dependency.startsWith("@lateen/")) continue;
    const target = dependency.slice("@lateen/".length);
    const isLibrary = target in mayKnow;
    if (area === "libs") {
      const allowed = mayKnow[name];
      if (allowed === undefined) problems.push(`${path}: add libs/${name} to the table in .ci/boundaries.ts`);
      else if (!allowed.includes("*") && !allowed.includes(target))
        problems.push(`${path}: libs/${name} may not know ${dependency}`);
    }
    if (area === "services" && !isLibrary && name !== "lateen")
      problems.push(`${path}: a service may not know ${dependency}; services talk over NATS and gRPC`);
  }
}

for (const path of globSync("{libs,services,e2e}/*/{src,test}/**/*.ts", { cwd: root })) {
  const text = readFileSync(join(root, path), "utf8");
  const home = join(root, ...path.split("/").slice(0, 2));
  for (const [, specifier = ""] of text.matchAll(/(?:from|import)\s*\(?"([^"]+)"/g)) {
    if (/^@lateen\/(?!protos\/)[^/]+\/(?!testing$)/.test(specifier))
      problems.push(`${path}: deep import ${specifier}; use the package's entry`);
    if (specifier.startsWith(".") && !resolve(root, dirname(path), specifier).startsWith(`${home}/`))
      problems.push(`${path}: ${specifier} leaves its package`);
  }
}

for (const problem of problems) console.error(problem);
console.log(`boundaries: ${manifests.length} packages, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
