import {
  body,
  called,
  constant,
  data,
  drop,
  exported,
  functionType,
  imported,
  header as magic,
  section,
  utf8,
} from "./wasm-assembler.ts";

/**
 * The smallest proxy-wasm module that shows itself: it adds a header to every response. Assembled here, so that no
 * compiler is needed. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1
 */
export function headerModule(header: string, value: string): Uint8Array {
  const [name, text] = [utf8(header), utf8(value)];
  const [nameAt, textAt] = [1024, 2048];
  const responseHeaders = 2;
  const add = [responseHeaders, nameAt, name.length, textAt, text.length].map(constant);
  return Uint8Array.from([
    ...magic,
    ...section(1, [functionType(0, 0), functionType(1, 1), functionType(5, 1), functionType(3, 1)]),
    ...section(2, [imported("env", "proxy_add_header_map_value", 2)]),
    ...section(3, [[0], [1], [3]]),
    ...section(5, [[0x00, 2]]),
    ...section(7, [
      exported("memory", 2, 0),
      exported("proxy_abi_version_0_2_1", 0, 1),
      exported("malloc", 0, 2),
      exported("proxy_on_response_headers", 0, 3),
    ]),
    // Nothing that the host hands over is kept, so every allocation may have the same place.
    ...section(10, [body(), body(...constant(65_536)), body(...called(0, ...add), drop, ...constant(0))]),
    ...section(11, [data(nameAt, name), data(textAt, text)]),
  ]);
}
