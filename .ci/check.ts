/** `pnpm check`: every gate, in order, in one command. Stops at the first that fails. */
import { spawnSync } from "node:child_process";

const gates: readonly (readonly [name: string, ...command: string[]])[] = [
  ["types", "pnpm", "run", "typecheck"],
  ["lint", "pnpm", "run", "lint"],
  ["tests", "pnpm", "run", "test"],
  ["the chart's CRDs are written", "node", "libs/api/print-crds.ts", "helm/lateen/crds"],
  [
    "golden files are committed",
    "git",
    "diff",
    "--exit-code",
    "--stat",
    "--",
    "libs/testkit/cases",
    "helm/lateen/crds",
  ],
];

for (const [name, command = "", ...args] of gates) {
  const started = Date.now();
  const { status } = spawnSync(command, args, { stdio: "inherit", cwd: new URL("..", import.meta.url) });
  console.log(`== ${name}: ${status === 0 ? "passed" : "FAILED"} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  if (status !== 0) process.exit(1);
}
