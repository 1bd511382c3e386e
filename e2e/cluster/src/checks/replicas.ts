import { eventually } from "@lateen/e2e-harness";
import { endCrowd, startCrowd } from "../crowd.ts";
import { answered, underLoad } from "../load.ts";
import { bytesOf, pilotFigures, type PilotFigures, sumOf } from "../pilots.ts";
import type { World } from "../world.ts";
import { changeTakesEffect } from "./failures.ts";

const crowd = 30;
/** An answer without content is about as much. */
const nextToNothing = 100;
const proxiesOf = ({ proxies }: PilotFigures): number => proxies;
const endpointBytesOf = ({ bytes }: PilotFigures): number => bytes["eds"] ?? 0;

/** What one proxy that has nothing is sent. */
interface Whole {
  readonly all: number;
  readonly endpoints: number;
}

/**
 * One replica has all the proxies: sidecars, the gateway and a crowd of Envoys. With two more they even out, and what moves
 * has everything already: a resource's version is the same at every replica.
 */
export async function upgradesUnderLoad(world: World): Promise<string> {
  const { fleet, whole } = await crowdComes(world);
  let [upgraded, evened] = [0, 0];
  let figures: readonly PilotFigures[] = [];
  const reports = await underLoad(world, [{ url: "http://reviews/", perSecond: 100, seconds: 960 }], async () => {
    const started = Date.now();
    await world.release.upgrade(["--set", "pilot.replicas=3", "--reuse-values"], 720_000);
    upgraded = Date.now();
    figures = await eventually(() => evenedOut(world, fleet), {
      what: "the proxies even out",
      timeoutMs: 240_000,
      intervalMs: 1_000,
    });
    evened = Date.now() - upgraded;
    upgraded -= started;
    await changeTakesEffect(world);
  });
  const came = figures.filter(({ handedOff }) => handedOff === 0);
  return [
    `3 pilots after ${(upgraded / 1000).toFixed(1)} s`,
    `${figures.map(proxiesOf).join("/")} of ${fleet} proxies ${(evened / 1000).toFixed(1)} s later`,
    sentToReturning(came, whole),
    answered(reports),
  ].join(", ");
}

/** Every replica of pilot is another one afterwards; the proxies are the same, and have what they had. */
export async function pilotRestartsUnderLoad(world: World): Promise<string> {
  const { cluster, system } = world;
  const before = await pilotFigures(world);
  const fleet = sumOf(before, proxiesOf);
  let figures: readonly PilotFigures[] = [];
  const reports = await underLoad(world, [{ url: "http://reviews/", perSecond: 100, seconds: 960 }], async () => {
    await cluster.kubectl(["rollout", "restart", "deployment/lateen-pilot", "-n", system]);
    await cluster.kubectl(["rollout", "status", "deployment/lateen-pilot", "-n", system, "--timeout=480s"], {
      timeoutMs: 500_000,
    });
    figures = await eventually(
      async () => {
        const now = await pilotFigures(world);
        const back = sumOf(now, proxiesOf);
        if (now.length !== before.length || back < fleet)
          throw new Error(`${back} of ${fleet} proxies at ${now.length} pilots`);
        return now;
      },
      { what: "all proxies are back", timeoutMs: 240_000, intervalMs: 1_000 },
    );
    await changeTakesEffect(world);
  });
  await endCrowd(world);
  return `${figures.length} new pilots, ${sentToReturning(figures)}, ${answered(reports)}`;
}

/** Starts it, and learns what all of its configuration is to one proxy. */
async function crowdComes(world: World): Promise<{ readonly fleet: number; readonly whole: Whole }> {
  const before = await pilotFigures(world);
  const least = sumOf(before, proxiesOf) + crowd; // one that lost its pilot a moment ago may come, too
  await startCrowd(world, crowd);
  let last = 0;
  const after = await eventually(
    async () => {
      const now = await pilotFigures(world);
      const [connected, sent, more] = [sumOf(now, proxiesOf), sumOf(now, bytesOf), sumOf(now, bytesOf) - last];
      last = sent;
      if (connected < least || more > 0) throw new Error(`${connected} of ${least} proxies, ${more} bytes more`);
      return now;
    },
    { what: "the crowd is connected, and has everything", timeoutMs: 240_000, intervalMs: 1_000 },
  );
  const each = (of: (figures: PilotFigures) => number): number => (sumOf(after, of) - sumOf(before, of)) / crowd;
  const fleet = sumOf(after, proxiesOf);
  return { fleet, whole: { all: each(bytesOf), endpoints: each(endpointBytesOf) } };
}

async function evenedOut(world: World, fleet: number): Promise<readonly PilotFigures[]> {
  const figures = await pilotFigures(world);
  const counts = figures.map(proxiesOf);
  const most = Math.ceil(fleet / 3) * 1.2 + 10;
  if (figures.length !== 3 || sumOf(figures, proxiesOf) < fleet || counts.some((each) => each === 0 || each > most))
    throw new Error(`${counts.join("/")} of ${fleet} proxies`);
  if (sumOf(figures, ({ handedOff }) => handedOff) === 0) throw new Error("none was handed over");
  return figures;
}

/**
 * Next to nothing, for proxies that came with all they need. Endpoints are another matter: each pilot that comes or goes is
 * a change of them, for everybody. With `whole` they must be less than all there are.
 */
function sentToReturning(figures: readonly PilotFigures[], whole?: Whole): string {
  const proxies = sumOf(figures, proxiesOf);
  const endpoints = sumOf(figures, endpointBytesOf);
  const rest = sumOf(figures, bytesOf) - endpoints;
  const sent = `${proxies} proxies came back with what they have and were sent ${rest} bytes and ${endpoints} of endpoints`;
  const all = whole && ` (${Math.round(whole.all)} to each that has nothing)`;
  if (rest > proxies * nextToNothing || (whole && endpoints >= proxies * whole.endpoints))
    throw new Error(`${sent}${all ?? ""}: ${JSON.stringify(figures)}`);
  return `${sent}${all ?? ""}`;
}
