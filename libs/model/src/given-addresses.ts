import type { HostAddress } from "./object.ts";

/** Istio's ranges: 240.240.0.0/16, which is reserved and routed nowhere, and 2001:2::/48, which is for benchmarks. */
const v4Prefix = "240.240";
const v6Prefix = "2001:2:0";
const v4Usable = 65_534; // all but the first and the last

/**
 * A virtual address of each family for each of `hosts`, none of which is in `taken`. Where it begins to look follows from
 * `owner` and the host alone, so that the same mesh gets mostly the same addresses wherever it is set up; what is given
 * once should be kept, as a collision is settled by who came first. A family that is used up gives nothing.
 */
export function giveAddresses(
  owner: string,
  hosts: readonly string[],
  taken: { has(address: string): boolean },
): readonly HostAddress[] {
  const given = new Set<string>();
  return hosts.flatMap((host) => {
    const free = (address: string): boolean => !taken.has(address) && !given.has(address);
    const found = [firstOf(v4Candidates(`${owner}/${host}`), free), firstOf(v6Candidates(`${owner}/${host}`), free)];
    return found.flatMap((address) => {
      if (address === undefined) return [];
      given.add(address);
      return [{ host, address }];
    });
  });
}

/** Whether an address is one that `giveAddresses` could give. */
export function isGivenAddress(address: string): boolean {
  return address.startsWith(`${v4Prefix}.`) || address.startsWith("2001:2:");
}

function firstOf(candidates: Iterable<string>, free: (address: string) => boolean): string | undefined {
  for (const candidate of candidates) if (free(candidate)) return candidate;
  return undefined;
}

/** Every usable address once. */
function* v4Candidates(name: string): Generator<string> {
  const start = hash(name, 1) % v4Usable;
  for (let step = 0; step < v4Usable; step++) {
    const number = 1 + ((start + step) % v4Usable);
    yield `${v4Prefix}.${number >> 8}.${number & 0xff}`;
  }
}

/** Of 80 bits a few tries are enough. No group is 0, so that the text is the canonical one. */
function* v6Candidates(name: string): Generator<string> {
  for (let attempt = 0; attempt < 64; attempt++) {
    const groups = [1, 2, 3, 4, 5].map((part) => 1 + (hash(name, part + 1 + attempt * 8) % 65_535));
    yield [v6Prefix, ...groups.map((group) => group.toString(16))].join(":");
  }
}

/** FNV-1a over UTF-16 units, then mixed so that every bit of the result depends on every unit. */
function hash(text: string, seed: number): number {
  let value = Math.imul(0x811c9dc5 ^ seed, 0x01000193);
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
