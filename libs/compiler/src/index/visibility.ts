/**
 * Whether an object of `owner` is visible in `viewer`. `exportTo` holds namespaces, `.` (the owner's own) or `*`;
 * when it is empty the mesh's default counts, and without one everything is visible everywhere.
 */
export function isVisible(
  exportTo: readonly string[],
  owner: string,
  viewer: string,
  otherwise: readonly string[],
): boolean {
  const targets = exportTo.length > 0 ? exportTo : otherwise;
  if (targets.length === 0) return true;
  return targets.some((target) => target === "*" || target === viewer || (target === "." && owner === viewer));
}

export function isPublic(exportTo: readonly string[], otherwise: readonly string[]): boolean {
  const targets = exportTo.length > 0 ? exportTo : otherwise;
  return targets.length === 0 || targets.includes("*");
}
