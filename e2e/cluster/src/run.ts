/**
 * `pnpm e2e`: the cluster suite on the cluster of KUBECONFIG (see `settings.ts`). Prints each check with its time and
 * what it saw; the last line is `N passed, N failed`. Removes what it made, whatever happened.
 */
import { checks } from "./checks/index.ts";
import { explain } from "./diagnostics.ts";
import { readSettings } from "./settings.ts";
import { runSuite, type SuiteResult } from "./suite.ts";
import { clearLeftovers, openWorld, type World } from "./world.ts";

const print = (line: string): void => console.log(line);

async function main(): Promise<SuiteResult> {
  const settings = readSettings(process.env);
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  const world = openWorld(settings, print);
  try {
    return await runSuite({ checks, world, print, explain, signal: stop.signal });
  } finally {
    await tearDown(world);
  }
}

async function tearDown(world: World): Promise<void> {
  await world.prometheus?.[Symbol.asyncDispose]();
  if (world.settings.keep) return print("         LATEEN_KEEP is set: the installation stays; the next run removes it");
  if (await clearLeftovers(world)) print("         removed what the suite made");
}

try {
  const { passed, failed } = await main();
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
  print(`${passed} passed, ${failed} failed`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  print("0 passed, 1 failed");
  process.exitCode = 1;
}
