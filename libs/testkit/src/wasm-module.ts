/**
 * The smallest proxy-wasm module that shows itself: it adds a header to every response. Assembled here, so that no
 * compiler is needed. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1
 */
export function headerModule(header: string, value: string): Uint8Array {
  const [name, text] = [utf8(header), utf8(value)];
  const [nameAt, textAt] = [1024, 2048];
  const i32 = 0x7f;
  const type = (parameters: number, results: number): number[] => [
    0x60,
    ...vector(Array.from({ length: parameters }, () => [i32])),
    ...vector(Array.from({ length: results }, () => [i32])),
  ];
  const constant = (number: number): number[] => [0x41, ...signed(number)];
  const end = 0x0b;
  const body = (...code: number[]): number[] => sized([0, ...code, end]);
  const exported = (symbol: string, kind: number, index: number): number[] => [...sized(utf8(symbol)), kind, index];
  const data = (at: number, bytes: readonly number[]): number[] => [0, ...constant(at), end, ...sized(bytes)];
  const responseHeaders = 2;
  const add = [responseHeaders, nameAt, name.length, textAt, text.length].flatMap(constant);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [type(0, 0), type(1, 1), type(5, 1), type(3, 1)]),
    ...section(2, [[...sized(utf8("env")), ...sized(utf8("proxy_add_header_map_value")), 0x00, 2]]),
    ...section(3, [[0], [1], [3]]),
    ...section(5, [[0x00, 2]]),
    ...section(7, [
      exported("memory", 2, 0),
      exported("proxy_abi_version_0_2_1", 0, 1),
      exported("malloc", 0, 2),
      exported("proxy_on_response_headers", 0, 3),
    ]),
    // Nothing that the host hands over is kept, so every allocation may have the same place.
    ...section(10, [body(), body(...constant(65_536)), body(...add, 0x10, 0, 0x1a, ...constant(0))]),
    ...section(11, [data(nameAt, name), data(textAt, text)]),
  ]);
}

function section(id: number, items: readonly (readonly number[])[]): number[] {
  return [id, ...sized(vector(items))];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function sized(bytes: readonly number[]): number[] {
  return [...unsigned(bytes.length), ...bytes];
}

function utf8(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}

/** LEB128. */
function unsigned(number: number): number[] {
  return number < 0x80 ? [number] : [(number & 0x7f) | 0x80, ...unsigned(number >>> 7)];
}

function signed(number: number): number[] {
  return number < 0x40 ? [number] : [(number & 0x7f) | 0x80, ...signed(number >>> 7)];
}
