/**
 * `make`, which gives the same object again for the same argument: what did not change between two snapshots can be
 * recognised by identity. Only for pure functions; entries live as long as their argument.
 */
export function byIdentity<Key extends object, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const known = new WeakMap<Key, { readonly value: Value }>();
  return (key) => {
    const entry = known.get(key);
    if (entry !== undefined) return entry.value;
    const value = make(key);
    known.set(key, { value });
    return value;
  };
}

/** As `byIdentity`, for a pair of arguments. */
export function byPair<First extends object, Second extends object, Value>(
  make: (first: First, second: Second) => Value,
): (first: First, second: Second) => Value {
  const inner = byIdentity((first: First) => byIdentity((second: Second) => make(first, second)));
  return (first, second) => inner(first)(second);
}
