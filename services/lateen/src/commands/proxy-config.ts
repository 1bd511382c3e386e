import { MeshError } from "@lateen/runtime";
import { stringify } from "yaml";
import { askPilots, type PilotOptions } from "../pilot-debug.ts";
import { table } from "../table.ts";

/** As pilot's /debug/originz answers. */
interface ConfigDump {
  readonly proxy: string;
  readonly resources: Readonly<Record<string, readonly DumpedResource[]>>;
}

interface DumpedResource {
  readonly name: string;
  readonly version: string;
  readonly origin?: readonly string[];
  readonly resource: unknown;
}

/** Virtual hosts of large route tables travel alone. */
const typeNames: Readonly<Record<string, readonly string[]>> = {
  cluster: ["CDS"],
  clusters: ["CDS"],
  listener: ["LDS"],
  listeners: ["LDS"],
  route: ["RDS", "VHDS"],
  routes: ["RDS", "VHDS"],
  endpoint: ["EDS"],
  endpoints: ["EDS"],
  ecds: ["ECDS"],
};

/** Prints what pilot gave one proxy: names and origins, or the resources themselves. */
export async function proxyConfig(
  type: string,
  proxy: string,
  options: PilotOptions & { readonly output: string },
): Promise<void> {
  const wanted = typeNames[type.toLowerCase()];
  if (wanted === undefined && type !== "all")
    throw new MeshError("cli_type", `"${type}" is no type; use cluster, listener, route, endpoint, ecds or all`);
  const { resources } = await dumpOf(proxy, options);
  const chosen = Object.entries(resources).filter(([name]) => wanted === undefined || wanted.includes(name));
  if (options.output === "short") {
    const rows = chosen.flatMap(([name, list]) =>
      list.map((resource) => [name, resource.name, resource.version, (resource.origin ?? []).join(", ")]),
    );
    console.log(table(["TYPE", "NAME", "VERSION", "FROM"], rows));
    return;
  }
  const plain = Object.fromEntries(chosen.map(([name, list]) => [name, list.map(({ resource }) => resource)]));
  console.log(options.output === "json" ? JSON.stringify(plain, null, 2) : stringify(plain));
}

async function dumpOf(proxy: string, options: PilotOptions): Promise<ConfigDump> {
  const answers = await askPilots<readonly { readonly node: string }[]>(options, "/debug/syncz");
  const known = answers.flatMap(({ body }) => body.map((status) => status.node));
  const matching = known.filter(
    (id) => id === proxy || id.split("~")[2] === proxy || id.split("~")[2]?.split(".")[0] === proxy,
  );
  const [id, ...others] = matching;
  if (id === undefined || others.length > 0) {
    const names = (others.length > 0 ? matching : known).map((each) => each.split("~")[2]).join(", ");
    const what = others.length > 0 ? "names more than one proxy" : "is not connected";
    throw new MeshError("cli_proxy", `"${proxy}" ${what}; there are: ${names || "none"}`);
  }
  const dumps = await askPilots<ConfigDump>(options, `/debug/originz?proxyID=${encodeURIComponent(id)}`);
  const found = dumps.find(({ body }) => body.proxy === id);
  if (found === undefined) throw new MeshError("cli_proxy", `${id} has disconnected meanwhile`);
  return found.body;
}
