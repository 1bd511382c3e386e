const nanosPerUnit: Readonly<Record<string, bigint>> = {
  h: 3_600_000_000_000n,
  m: 60_000_000_000n,
  s: 1_000_000_000n,
  ms: 1_000_000n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ns: 1n,
};
/** What google.protobuf.Duration may hold: about 10 000 years. */
const maxNanos = 315_576_000_000n * 1_000_000_000n;

/**
 * Reads a duration as Istio does: Go's notation (`1.5s`, `100ms`, `1h30m`), of which protobuf's is a part.
 * Answers protobuf's JSON form (`90s`), or undefined where the text is not a duration.
 */
export function normalizeDuration(text: string): string | undefined {
  const sign = text.startsWith("-") ? "-" : "";
  const body = text.replace(/^[-+]/, "");
  if (body === "0") return "0s";
  if (body.length > 64 || !/^((\d+(\.\d*)?|\.\d+)(h|ms|m|s|us|µs|μs|ns))+$/.test(body)) return undefined;
  let nanos = 0n;
  for (const [, amount = "", unit = ""] of body.matchAll(/([\d.]+)([a-zµμ]+)/g))
    nanos += scale(amount, nanosPerUnit[unit] ?? 0n);
  if (nanos > maxNanos) return undefined;
  const fraction = (nanos % 1_000_000_000n).toString().padStart(9, "0").replace(/0+$/, "");
  return `${sign}${nanos / 1_000_000_000n}${fraction === "" ? "" : `.${fraction}`}s`;
}

function scale(amount: string, unit: bigint): bigint {
  const [whole = "", fraction = ""] = amount.split(".");
  const digits = fraction.slice(0, 18);
  return BigInt(whole || "0") * unit + (BigInt(digits || "0") * unit) / 10n ** BigInt(digits.length);
}
