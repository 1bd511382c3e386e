/**
 * The few DER forms a certificate request needs, written not read. A request is made in every node-agent, where
 * an ASN.1 library would cost more memory than the rest of the agent's own code.
 */
export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tagged(0x30, ...parts);
}

export function set(...parts: readonly Uint8Array[]): Buffer {
  return tagged(0x31, ...parts);
}

export function octetString(content: Uint8Array): Buffer {
  return tagged(0x04, content);
}

export function bitString(content: Uint8Array): Buffer {
  return tagged(0x03, Buffer.from([0]), content); // 0 unused bits
}

/** `value` below 128. */
export function smallInteger(value: number): Buffer {
  return tagged(0x02, Buffer.from([value]));
}

/** `1.2.840.10045.4.3.2` as an object identifier. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return tagged(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** Any tag: the escape for context-specific ones, e.g. 0xa0 for `[0]` constructed. */
export function tagged(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, ...lengthOf(content.length)]), content]);
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  return [0x80 | bytes.length, ...bytes];
}

function base128(value: number): number[] {
  const bytes = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes.unshift(0x80 | (rest & 0x7f));
  return bytes;
}
