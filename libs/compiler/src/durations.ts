/** A protobuf Duration as it is generated. */
export interface DurationValue {
  readonly seconds: bigint;
  readonly nanos: number;
}

/** Milliseconds; fractions are kept. */
export function milliseconds(duration: DurationValue): number {
  return Number(duration.seconds) * 1000 + duration.nanos / 1_000_000;
}

export function optionalMs<Key extends string>(
  key: Key,
  duration: DurationValue | undefined,
): { readonly [K in Key]?: number } {
  return duration === undefined ? {} : ({ [key]: milliseconds(duration) } as { [K in Key]?: number });
}

/** `{ [key]: value }` for a positive number, otherwise nothing: Istio's fields use 0 for "not set". */
export function positive<Key extends string>(key: Key, value: number | undefined): { readonly [K in Key]?: number } {
  return value !== undefined && value > 0 ? ({ [key]: value } as { [K in Key]?: number }) : {};
}
