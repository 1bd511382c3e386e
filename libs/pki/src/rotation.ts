/**
 * When to replace a certificate: half-way between its issue and its end, moved by `jitter` (a fraction of the
 * lifetime, e.g. -0.01 to 0.01) so that a fleet started together does not ask together.
 * `issuedAtMs` is the moment it was received, not notBefore, which is backdated.
 */
export function rotationMoment(certificate: { issuedAtMs: number; notAfterMs: number }, jitter: number): number {
  const lifetime = Math.max(0, certificate.notAfterMs - certificate.issuedAtMs);
  const share = Math.min(0.9, Math.max(0.1, 0.5 + jitter));
  return Math.round(certificate.issuedAtMs + lifetime * share);
}
