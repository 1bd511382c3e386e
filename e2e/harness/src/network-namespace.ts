import { execFile } from "node:child_process";
import { once } from "node:events";
import { access } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { numberOf } from "./loopback.ts";
import { repository } from "./repository.ts";
import { RunningProcess } from "./running-process.ts";

const run = promisify(execFile);
let made = 0;

/** Why no namespace can be made on this machine; undefined where one can. */
export async function namespacesMissing(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "needs root: it makes network namespaces";
  for (const tool of ["ip", "iptables", "setpriv"]) {
    const found = await run("sh", ["-c", `command -v ${tool}`]).then(
      () => true,
      () => false,
    );
    if (!found) return `needs the program ${tool}`;
  }
  return await access("/var/run/netns").then(
    () => undefined,
    () => run("ip", ["netns", "list"]).then(() => undefined, String),
  );
}

export interface Link {
  /** Of what runs inside. */
  readonly address: string;
  /** Of this machine, from inside. */
  readonly gateway: string;
}

/** Two addresses that belong to a port of `freePort`, and as it to this process alone. */
export function linkOf(port: number): Link {
  const block = numberOf(port) * 4;
  const at = (host: number): string => `198.18.${(block >> 8) & 255}.${(block & 255) + host}`;
  return { gateway: at(1), address: at(2) };
}

/** A process that runs inside. */
export interface Inside {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

/**
 * A network namespace as a pod has one: an address that this machine reaches, a way out, and traffic captured by the
 * proxy image's own `lateen-init`. It and all in it end on dispose.
 */
export class NetworkNamespace implements AsyncDisposable, Link {
  readonly address: string;
  readonly gateway: string;
  readonly #name: string;
  readonly #owned = new AsyncDisposableStack();

  private constructor(name: string, link: Link) {
    this.#name = name;
    this.address = link.address;
    this.gateway = link.gateway;
  }

  static async create(link: Link): Promise<NetworkNamespace> {
    const id = `${process.pid % 100_000}-${made++}`;
    const name = `lateen-${id}`;
    const self = new NetworkNamespace(name, link);
    const [outside, inside] = [`lt${id}`, `lp${id}`];
    await run("ip", ["netns", "add", name]);
    self.#owned.defer(async () => void (await run("ip", ["netns", "del", name])));
    await run("ip", ["link", "add", outside, "type", "veth", "peer", "name", inside]);
    await run("ip", ["link", "set", inside, "netns", name]);
    await run("ip", ["addr", "add", `${self.gateway}/30`, "dev", outside]);
    await run("ip", ["link", "set", outside, "up"]);
    const script = `ip link set lo up; ip addr add ${self.address}/30 dev ${inside}; ip link set ${inside} up; ip route add default via ${self.gateway}`;
    await self.exec("sh", ["-ec", script]);
    return self;
  }

  /** Runs a command to its end; resolves with what it wrote. */
  async exec(command: string, args: readonly string[]): Promise<string> {
    const [ip = "ip", ...rest] = this.prefix;
    const { stdout } = await run(ip, [...rest, command, ...args], { timeout: 60_000 });
    return stdout;
  }

  /** `lateen-init` with these flags. */
  async capture(flags: readonly string[]): Promise<void> {
    await this.exec("sh", [join(repository, "deploy/images/proxy/lateen-init"), ...flags]);
  }

  /** What goes before a command to run it inside. */
  get prefix(): readonly string[] {
    return ["ip", "netns", "exec", this.#name];
  }

  async start({ name, command, args }: Inside): Promise<RunningProcess> {
    const [ip = "ip", ...rest] = this.prefix;
    return this.#owned.use(await RunningProcess.start({ name, command: ip, args: [...rest, command, ...args] }));
  }

  /** A port of this machine's own address, for what runs inside, that leads to one of 127.0.0.1. */
  async forward(port: number): Promise<number> {
    const server: Server = createServer((socket) => {
      const on = connect(port, "127.0.0.1");
      socket.on("error", () => on.destroy());
      on.on("error", () => socket.destroy());
      socket.pipe(on).pipe(socket);
    });
    server.listen(0, this.gateway);
    await once(server, "listening");
    this.#owned.defer(() => void server.close());
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}
