/** The release this process is of: set by the container image, `dev` in a working tree. */
export function version(): string {
  return process.env["LATEEN_VERSION"] || "dev";
}
