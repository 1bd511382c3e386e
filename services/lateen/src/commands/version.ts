import { readFile } from "node:fs/promises";

/** Prints the client's version and, if a plane answers at `url`, its version. */
export async function version(options: { readonly url: string }): Promise<void> {
  const manifest = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  console.log(`client: ${manifest.version}`);
  const plane = await fetch(new URL("/version", options.url), { signal: AbortSignal.timeout(1_000) }).catch(
    () => undefined,
  );
  console.log(plane?.ok ? `plane:  ${(await plane.text()).trim()}` : `plane:  none answers at ${options.url}`);
}
