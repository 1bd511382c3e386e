import { base64Decode } from "@bufbuild/protobuf/wire";

const block = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)-----END \1-----/g;

/** Why a text is not PEM of one CA certificate or more; undefined when it is. */
export function authoritiesProblem(pem: string): string | undefined {
  const blocks = [...pem.matchAll(block)];
  if (blocks.length === 0) return "must be PEM, with -----BEGIN CERTIFICATE----- and its end";
  for (const [index, [, label = "", body = ""]] of blocks.entries()) {
    const which = blocks.length === 1 ? "" : `certificate ${index + 1}: `;
    if (label !== "CERTIFICATE") return `must hold certificates only, and has a ${label}`;
    const der = decoded(body);
    if (der === undefined || !isSequence(der)) return `${which}its base64 is no X.509 certificate; is it cut off?`;
    if (!isAuthority(der)) return `${which}it is no CA's (basicConstraints CA:TRUE); give the root that signs`;
  }
  return undefined;
}

function decoded(text: string): Uint8Array | undefined {
  try {
    return base64Decode(text.replaceAll(/\s/g, ""));
  } catch {
    return undefined;
  }
}

const [sequence, boolean, octets, objectId] = [0x30, 0x01, 0x04, 0x06];

/** DER of one SEQUENCE and nothing after it. */
function isSequence(der: Uint8Array): boolean {
  const [tag = 0, first = 0] = der;
  if (tag !== sequence) return false;
  if (first < 0x80) return der.length === first + 2;
  const size = first & 0x7f;
  const length = der.subarray(2, 2 + size).reduce((sum, byte) => sum * 256 + byte, 0);
  return size >= 1 && size <= 3 && der.length === 2 + size + length;
}

/** Extension 2.5.29.19, critical or not, whose value begins with TRUE. */
const basicConstraints = [objectId, 3, 0x55, 0x1d, 0x13];
const isTrue = [boolean, 1, 0xff];

function isAuthority(der: Uint8Array): boolean {
  for (let at = 0; at < der.length; at++) {
    if (!startsWith(der, at, basicConstraints)) continue;
    const value = at + basicConstraints.length;
    const wrapped = startsWith(der, value, isTrue) ? value + isTrue.length : value;
    if (der[wrapped] === octets && der[wrapped + 2] === sequence) return startsWith(der, wrapped + 4, isTrue);
  }
  return false;
}

function startsWith(bytes: Uint8Array, at: number, start: readonly number[]): boolean {
  return start.every((byte, index) => bytes[at + index] === byte);
}
