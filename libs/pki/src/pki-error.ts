/**
 * - `request-invalid`: the certificate request cannot be read, its signature is wrong or its key is too weak
 * - `certificate-invalid`: a PEM that should be a certificate is not
 * - `authority-invalid`: key and certificates of a CA do not belong together, or it may not sign
 * - `authority-expired`: the CA's certificate is past its end, nothing it signs would verify
 * - `identity-invalid`: namespace, service account or trust domain cannot be part of a SPIFFE id
 */
export type PkiErrorCode =
  | "request-invalid"
  | "certificate-invalid"
  | "authority-invalid"
  | "authority-expired"
  | "identity-invalid";

/** A fault in certificate material. `message` is safe to send to the caller: it never holds key material. */
export class PkiError extends Error {
  readonly code: PkiErrorCode;

  constructor(code: PkiErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "PkiError";
    this.code = code;
  }
}
