/** An address range; a single address has the full length. */
export interface Cidr {
  readonly address: string;
  readonly length: number;
}

const octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const ipv4 = new RegExp(`^${octet}(?:\\.${octet}){3}$`);

export function isIpv4(text: string): boolean {
  return ipv4.test(text);
}

export function isIpv6(text: string): boolean {
  if (!text.includes(":") || !/^[0-9a-fA-F:.]+$/.test(text)) return false;
  const halves = text.split("::");
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  const last = groups.at(-1) ?? "";
  const embedded = last.includes(".");
  if (embedded && !isIpv4(last)) return false;
  const plain = embedded ? groups.slice(0, -1) : groups;
  if (!plain.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  const count = plain.length + (embedded ? 2 : 0);
  return halves.length === 2 ? count < 8 : count === 8;
}

export function isIp(text: string): boolean {
  return isIpv4(text) || isIpv6(text);
}

/** `127.0.0.0/8` or `::1`. */
export function isLoopback(address: string): boolean {
  return (isIpv4(address) && address.startsWith("127.")) || address === "::1";
}

/** `10.0.0.0/8` or a single address; undefined when it is neither. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  const address = slash < 0 ? text : text.slice(0, slash);
  if (!isIp(address)) return undefined;
  const full = isIpv4(address) ? 32 : 128;
  if (slash < 0) return { address, length: full };
  const digits = text.slice(slash + 1);
  const length = Number(digits);
  return /^\d{1,3}$/.test(digits) && length <= full ? { address, length } : undefined;
}

/** Whether `address` is in the range; never for one of the other family. */
export function cidrContains({ address: base, length }: Cidr, address: string): boolean {
  const width = isIpv4(base) ? 32 : 128;
  const [first, second] = [bitsOf(base), bitsOf(address)];
  if (first === undefined || second === undefined || isIpv4(base) !== isIpv4(address)) return false;
  const rest = BigInt(width - length);
  return first >> rest === second >> rest;
}

/** Whether some address is in both. */
export function cidrsOverlap(left: Cidr, right: Cidr): boolean {
  return left.length < right.length ? cidrContains(left, right.address) : cidrContains(right, left.address);
}

/** The address as a number; undefined when it is none. */
function bitsOf(address: string): bigint | undefined {
  if (isIpv4(address)) return address.split(".").reduce((bits, part) => bits * 256n + BigInt(part), 0n);
  if (!isIpv6(address)) return undefined;
  const embedded = /[\d.]+\.\d+$/.exec(address)?.[0];
  const written =
    embedded === undefined
      ? address
      : `${address.slice(0, -embedded.length)}${hex(bitsOf(embedded) ?? 0n, 16n)}:${hex(bitsOf(embedded) ?? 0n, 0n)}`;
  const [head = "", tail] = written.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array<string>(8 - before.length - after.length).fill("0");
  return [...before, ...zeros, ...after].reduce((bits, group) => bits * 65_536n + BigInt(`0x${group}`), 0n);
}

function hex(bits: bigint, shift: bigint): string {
  return ((bits >> shift) & 0xffffn).toString(16);
}
