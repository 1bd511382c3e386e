import { keys } from "@lateen/mesh-store";
import type { StoredEntry } from "@lateen/mesh-store";
import type { Violation } from "@lateen/model";
import type { Entry } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import type { Claim, Intake, NamespaceLabels } from "../intake/claim.ts";
import { duplicateOf, shadowing } from "../intake/read-text.ts";
import { LookedAt } from "./looked-at.ts";
import type { Reach } from "./looked-at.ts";
import { sameEntry } from "./same-entry.ts";

const meshConfigs = keys.prefix("config", "MeshConfig".toLowerCase());

/** What should be at a key: an entry, whatever is there now (`keep`), or nothing. */
export type Desired =
  | { readonly is: "entry"; readonly entry: Entry; readonly claim: Claim }
  | { readonly is: "keep" }
  | { readonly is: "absent" };

export interface LedgerChange {
  /** Keys whose desired entry may differ now. */
  readonly keys: readonly string[];
  /** Units whose violations may differ now. */
  readonly units: readonly string[];
  /** A unit that was never readable is now (or is gone): what the store kept for its sake may be stale. */
  readonly unsure: boolean;
  /** Other namespaces are looked at now, so any key may be wanted or not. */
  readonly lookedAt?: LookedAt;
}

interface Unit {
  readonly claims: ReadonlyMap<string, Claim>;
  readonly violations: readonly Violation[];
  readonly broken: boolean;
  /** It was whole once: then nothing it claims can have been missed. */
  readonly everWhole: boolean;
  readonly namespaces: readonly NamespaceLabels[];
}

/**
 * All that the source says, by unit (a file, or one Kubernetes object), and what follows for each store key. The one
 * mutable state of the intake; synchronous, no I/O. Of several claims to a key the first unit by name has it. What is in
 * namespaces that are not looked at is wanted nowhere.
 */
export class Ledger {
  readonly #units = new Map<string, Unit>();
  readonly #claimants = new Map<string, Set<string>>();
  readonly #lookedAt: LookedAt;
  #invalid = 0;
  #meshRead = false;

  constructor(rootNamespace = "istio-system") {
    this.#lookedAt = new LookedAt(rootNamespace);
  }

  /** Takes what a unit says now. What a broken unit does not mention any more, it still claims. */
  replace(name: string, intake: Intake): LedgerChange {
    const previous = this.#units.get(name);
    const claims = new Map(intake.broken ? previous?.claims : undefined);
    for (const claim of intake.claims) claims.set(claim.key, claim);
    const everWhole = !intake.broken || (previous?.everWhole ?? false);
    const namespaces = intake.broken ? (previous?.namespaces ?? []) : (intake.namespaces ?? []);
    const { violations, broken } = intake;
    return this.#swap(name, { claims, violations, broken, everWhole, namespaces }, previous);
  }

  remove(name: string): LedgerChange {
    const previous = this.#units.get(name);
    return previous ? this.#swap(name, undefined, previous) : { keys: [], units: [], unsure: false };
  }

  keys(): IterableIterator<string> {
    return this.#claimants.keys();
  }

  desired(key: string): Desired {
    const claim = this.#winner(key);
    if (!claim || !this.#lookedAt.has(claim.origin.kind, claim.origin.namespace)) return { is: "absent" };
    return claim.verdict.is === "accepted" ? { is: "entry", entry: claim.verdict.entry, claim } : { is: "keep" };
  }

  reachOf(namespace: string): Reach {
    return this.#lookedAt.reachOf(namespace);
  }

  /** Whether an entry that nobody claims must stay all the same: it may come from a unit that was never readable. */
  mayStillClaim(file: string): boolean {
    const unread = [...this.#units].filter(([, unit]) => unit.broken && !unit.everWhole);
    return unread.some(([name]) => file === "" || name === file);
  }

  /** All that is wrong with a unit now, duplicates in other units included. */
  violationsOf(name: string): readonly Violation[] {
    const unit = this.#units.get(name);
    if (!unit) return [];
    return [
      ...unit.violations,
      ...[...unit.claims.values()].flatMap((claim) => [...claim.violations, ...this.#conflicts(name, claim)]),
    ];
  }

  /** How many objects are refused now. */
  get invalidCount(): number {
    return this.#invalid;
  }

  #swap(name: string, next: Unit | undefined, previous: Unit | undefined): LedgerChange {
    const touched = new Set([...(previous?.claims.keys() ?? []), ...(next?.claims.keys() ?? [])]);
    const before = new Map([...touched].map((key) => [key, this.desired(key)]));
    const neighbours = [...touched].flatMap((key) => [...(this.#claimants.get(key) ?? [])]);
    this.#invalid += invalidIn(next) - invalidIn(previous);
    if (next) this.#units.set(name, next);
    else this.#units.delete(name);
    for (const key of touched) this.#setClaimant(key, name, next?.claims.has(key) ?? false);
    const unsure = previous !== undefined && !previous.everWhole && (next?.everWhole ?? true);
    const lookedAt = this.#lookAgain(name, [previous, next], touched) ? { lookedAt: this.#lookedAt } : {};
    const keys = [...touched].filter((key) => !sameDesired(before.get(key) ?? { is: "absent" }, this.desired(key)));
    return { keys, units: [...new Set([name, ...neighbours])], unsure, ...lookedAt };
  }

  /** Whether other namespaces are looked at after a unit's change. */
  #lookAgain(name: string, change: readonly (Unit | undefined)[], touched: ReadonlySet<string>): boolean {
    const describes = change.some((unit) => (unit?.namespaces.length ?? 0) > 0);
    const mesh = [...touched].some(isMeshConfig);
    if (!describes && !mesh) return false;
    const were = this.#lookedAt.state;
    if (describes) this.#lookedAt.setNamespaces(name, change.at(-1)?.namespaces ?? []);
    if (mesh) this.#readMesh();
    return this.#lookedAt.state !== were;
  }

  /** What an invalid MeshConfig said last stays. */
  #readMesh(): void {
    const winners = [...this.#claimants.keys()].filter(isMeshConfig).flatMap((key) => this.#winner(key) ?? []);
    if (winners.some(({ verdict }) => verdict.is === "invalid")) return;
    this.#meshRead = true;
    this.#lookedAt.setMesh(winners.flatMap(({ verdict }) => (verdict.is === "accepted" ? [verdict.entry] : [])));
  }

  /** What the store holds of a MeshConfig that has been invalid since this replica began. */
  restoreMesh(stored: readonly StoredEntry[]): void {
    const kept = stored.filter(({ key }) => isMeshConfig(key) && this.#winner(key)?.verdict.is === "invalid");
    if (kept.length > 0 && !this.#meshRead) this.#lookedAt.setMesh(kept.map(({ entry }) => entry));
  }

  #setClaimant(key: string, unit: string, claims: boolean): void {
    const claimants = this.#claimants.get(key) ?? new Set();
    if (claims) claimants.add(unit);
    else claimants.delete(unit);
    if (claimants.size > 0) this.#claimants.set(key, claimants);
    else this.#claimants.delete(key);
  }

  #winner(key: string): Claim | undefined {
    const [first] = this.#inOrder(key);
    return first === undefined ? undefined : this.#units.get(first)?.claims.get(key);
  }

  #inOrder(key: string): string[] {
    const claimants = this.#claimants.get(key);
    if (!claimants) return [];
    return claimants.size === 1 ? [...claimants] : [...claimants].sort();
  }

  #conflicts(name: string, claim: Claim): Violation[] {
    const order = this.#inOrder(claim.key);
    if (order.length < 2) return [];
    const winner = this.#winner(claim.key);
    if (!winner) return [];
    if (order[0] !== name) return [duplicateOf(claim, winner)];
    return order.slice(1).flatMap((other) => {
      const loser = this.#units.get(other)?.claims.get(claim.key);
      return loser ? [shadowing(claim, loser)] : [];
    });
  }
}

function isMeshConfig(key: string): boolean {
  return key.startsWith(meshConfigs);
}

function sameDesired(left: Desired, right: Desired): boolean {
  if (left.is === "entry" && right.is === "entry")
    return left.entry === right.entry || sameEntry(left.entry, right.entry);
  // An object that becomes invalid changes nothing; neither does one that is repaired to what is stored, but that is for the store to say.
  return left.is === right.is || right.is === "keep";
}

function invalidIn(unit: Unit | undefined): number {
  let count = 0;
  for (const claim of unit?.claims.values() ?? []) if (claim.verdict.is === "invalid") count++;
  return count;
}
