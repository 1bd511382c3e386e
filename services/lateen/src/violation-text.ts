import type { Violation } from "@lateen/model";

/** `routing.yaml:12:15 error VirtualService shop/reviews spec.http[0].timeout: … [code]` */
export function formatViolation(violation: Violation): string {
  const { object, path, line, column, severity, code, message } = violation;
  const at = line ?? object.line;
  const place = [object.file, at, at === undefined ? undefined : column].filter((part) => part !== undefined).join(":");
  const name = object.kind === "" ? "" : `${object.kind} ${object.namespace}/${object.name}`;
  const words = [place, severity, name, path === "" ? "" : path].filter((word) => word !== "");
  return `${words.join(" ")}: ${message} [${code}]`;
}
