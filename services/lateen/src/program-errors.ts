import { MeshError, toError } from "@lateen/runtime";

/** Runs a command: a failure is one line for the user and exit code 1; the stack only with LATEEN_DEBUG=1. */
export async function reportFailure(command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (cause) {
    const error = toError(cause);
    console.error(`lateen: ${error.message}`);
    if (process.env["LATEEN_DEBUG"] === "1" || !(error instanceof MeshError || "code" in error))
      console.error(error.stack);
    process.exitCode = 1;
  }
}
