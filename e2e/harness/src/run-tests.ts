/**
 * `pnpm test`: every test that needs no cluster. Installs Envoy and nats-server when they are missing, runs each test
 * file in its own process, and closes with `N passed, N failed`. A run that executes nothing fails.
 *
 * Arguments: paths or substrings of test files to run instead of all.
 */
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { envoyBinary, natsServerBinary, oldestEnvoyVersion } from "@lateen/binaries";

const root = resolve(import.meta.dirname, "../../..");
const wanted = process.argv.slice(2);
const files = globSync("{libs,services}/*/{src,test}/**/*.test.ts", { cwd: root })
  .concat(globSync("e2e/suites/src/**/*.test.ts", { cwd: root }))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort()
  .map((file) => resolve(root, file));

const onProgress = (line: string): void => console.log(line);
process.env["ENVOY"] = await envoyBinary({ onProgress });
await envoyBinary({ version: oldestEnvoyVersion, onProgress });
process.env["NATS_SERVER"] = await natsServerBinary({ onProgress });

const started = Date.now();
let passed = 0;
const failed: string[] = [];
const skipped: string[] = [];
const stream = run({ files, concurrency: Math.min(2, availableParallelism()), timeout: 1_200_000 });
stream.on("test:pass", (event) => {
  if (event.skip !== undefined) skipped.push(`${event.file ?? ""}: ${event.name} (${String(event.skip)})`);
  if (event.details.type !== "suite" && event.skip === undefined && event.todo === undefined) passed += 1;
});
stream.on("test:fail", (event) => {
  if (event.details.type !== "suite") failed.push(`${event.file ?? ""}: ${event.name}`);
});
stream.compose(spec()).pipe(process.stdout);
stream.on("end", () => {
  for (const name of skipped) console.log(`skipped: ${name.replace(`${root}/`, "")}`);
  for (const name of failed) console.log(`failed: ${name.replace(`${root}/`, "")}`);
  console.log(`${files.length} files in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  if (passed + failed.length === 0) failed.push("no test was executed");
  process.exitCode = failed.length > 0 ? 1 : 0;
  setImmediate(() => console.log(`${passed} passed, ${failed.length} failed`));
});
