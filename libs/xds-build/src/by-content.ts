/** Results that are remembered, at least; twice as many at most. */
const capacity = 512;

/**
 * `build`, which gives the very same message for equal input: most of what listeners are made of is in many of them.
 * Only for input that is plain JSON, and for messages that nobody changes afterwards.
 */
export function byContent<Input extends readonly unknown[], Made>(
  build: (...input: Input) => Made,
): (...input: Input) => Made {
  let recent = new Map<string, Made>();
  let older = new Map<string, Made>();
  return (...input) => {
    const key = JSON.stringify(input);
    const made = recent.get(key) ?? older.get(key) ?? build(...input);
    recent.set(key, made);
    if (recent.size >= capacity) {
      older = recent;
      recent = new Map();
    }
    return made;
  };
}
