/** Pieces of WebAssembly's binary form, for modules that tests assemble. https://webassembly.github.io/spec/core/binary/ */
export function section(id: number, items: readonly (readonly number[])[]): number[] {
  return [id, ...sized(vector(items))];
}

export function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

export function sized(bytes: readonly number[]): number[] {
  return [...unsigned(bytes.length), ...bytes];
}

export function utf8(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}

/** LEB128. */
export function unsigned(number: number): number[] {
  return number < 0x80 ? [number] : [(number & 0x7f) | 0x80, ...unsigned(number >>> 7)];
}

export function signed(number: number): number[] {
  return number < 0x40 ? [number] : [(number & 0x7f) | 0x80, ...signed(number >>> 7)];
}

export const end = 0x0b;
const i32 = 0x7f;

export function functionType(parameters: number, results: number): number[] {
  return [
    0x60,
    ...vector(Array.from({ length: parameters }, () => [i32])),
    ...vector(Array.from({ length: results }, () => [i32])),
  ];
}

export function constant(number: number): number[] {
  return [0x41, ...signed(number)];
}

/** A function without locals. */
export function body(...code: readonly number[]): number[] {
  return sized([0, ...code, end]);
}

export function called(index: number, ...operands: readonly (readonly number[])[]): number[] {
  return [...operands.flat(), 0x10, index];
}

export function loaded(at: number): number[] {
  return [...constant(at), 0x28, 2, 0];
}

export function imported(module: string, symbol: string, type: number): number[] {
  return [...sized(utf8(module)), ...sized(utf8(symbol)), 0x00, type];
}

export function exported(symbol: string, kind: number, index: number): number[] {
  return [...sized(utf8(symbol)), kind, index];
}

export function data(at: number, bytes: readonly number[]): number[] {
  return [0, ...constant(at), end, ...sized(bytes)];
}

export const header: readonly number[] = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
export const drop = 0x1a;
