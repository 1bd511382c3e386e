import { resolve } from "node:path";

/** The repository's root; programs under test run from here. */
export const repository = resolve(import.meta.dirname, "../../..");

/** Where a service's process begins. */
export function mainOf(service: string): string {
  return resolve(repository, "services", service, "src/main.ts");
}
