import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Message } from "@bufbuild/protobuf";
import { analyze, fromConfigObject } from "@lateen/api";
import { readSecretManifests } from "@lateen/citadel";
import { duplicateOf, readText, scanFolder } from "@lateen/galley-validator";
import type { MeshObject, Service, Violation, Workload } from "@lateen/model";
import { MeshError } from "@lateen/runtime";
import { serviceFromEntry, workloadFromEntry } from "@lateen/registries";

export interface Analysis {
  /** Sorted by file and line. */
  readonly violations: readonly Violation[];
  readonly objects: number;
}

type Claim = ReturnType<typeof readText>["claims"][number];

const rootNamespace = "istio-system";

/** Judges files as galley-validator would, then what they say together. */
export async function analyzeFolders(paths: readonly string[]): Promise<Analysis> {
  const violations: Violation[] = [];
  const objects: MeshObject<Message>[] = [];
  const services: Service[] = [];
  const workloads: Workload[] = [];
  const secrets = new Set<string>();
  const seen = new Map<string, Claim>();
  for (const { file, text } of await filesIn(paths)) {
    const intake = readText(text, file, { rootNamespace });
    for (const name of readSecretManifests(text).secrets.keys()) secrets.add(name);
    violations.push(...intake.violations, ...intake.claims.flatMap((claim) => claim.violations));
    for (const claim of intake.claims) {
      const { verdict, key } = claim;
      const first = seen.get(key);
      if (first !== undefined) violations.push(duplicateOf(claim, first));
      if (first !== undefined) continue;
      seen.set(key, claim);
      if (verdict.is !== "accepted") continue;
      const { entry } = verdict;
      if (entry.value.case === "config") objects.push(...[fromConfigObject(entry.value.value) ?? []].flat());
      services.push(...[serviceFromEntry(entry) ?? []].flat());
      workloads.push(...[workloadFromEntry(entry) ?? []].flat());
    }
  }
  const origins = new Map(objects.map(({ origin }) => [`${origin.kind}/${origin.namespace}/${origin.name}`, origin]));
  const known = { ...(workloads.length > 0 && { workloads }), ...(secrets.size > 0 && { secrets }) };
  for (const { object, code, severity, message } of analyze({ objects, services, rootNamespace, ...known })) {
    const origin = origins.get(`${object.kind}/${object.namespace}/${object.name}`) ?? object;
    violations.push({ object: origin, path: "", severity: severity === "info" ? "warning" : severity, code, message });
  }
  return { violations: violations.sort(byPlace), objects: objects.length + services.length };
}

async function filesIn(paths: readonly string[]): Promise<readonly { readonly file: string; readonly text: string }[]> {
  const files: string[] = [];
  for (const path of paths) {
    const found = await stat(path).catch((cause: unknown) => {
      throw new MeshError("cli_path", `cannot read ${path}: ${String(cause)}; give files or folders that exist`, {
        cause,
      });
    });
    if (found.isFile()) files.push(join(dirname(path), basename(path)));
    else files.push(...(await scanFolder(path)).files.map((file) => join(path, file.path)));
  }
  return Promise.all(files.map(async (file) => ({ file, text: await readFile(file, "utf8") })));
}

function byPlace(left: Violation, right: Violation): number {
  const [a, b] = [left.object.file ?? "", right.object.file ?? ""];
  return a < b ? -1 : a > b ? 1 : lineOf(left) - lineOf(right);
}

function lineOf({ line, object }: Violation): number {
  return line ?? object.line ?? 0;
}
