import {
  body,
  called,
  constant,
  data,
  drop,
  exported,
  functionType,
  header,
  imported,
  loaded,
  section,
  utf8,
} from "./wasm-assembler.ts";

/** Where the module keeps what it was told: pointer and length of each, then the variables. */
const [configuration, rootId, variables] = [3_000, 3_008, 3_016];
const [pointersAt, stringsAt, heapAt] = [3_072, 3_200, 65_536];
const [namesAt, pathAt] = [1_024, 2_048];

/**
 * A proxy-wasm module that tells in response headers what it was given: `<prefix>-config`, `<prefix>-root` (pluginName)
 * and `<prefix>-env` (`NAME=value`, of one variable). A prefix of its own keeps its virtual machine apart from others.
 */
export function reportModule(prefix: string): Uint8Array {
  const names = ["config", "root", "env"].map((what, index) => ({
    at: namesAt + index * 256,
    bytes: utf8(`${prefix}-${what}`),
  }));
  const path = utf8("plugin_root_id");
  const values = [
    [loaded(configuration), loaded(configuration + 4)],
    [loaded(rootId), loaded(rootId + 4)],
    // Without the zero at its end.
    [constant(stringsAt), [...loaded(variables + 4), ...constant(1), 0x6b]],
  ];
  const responseHeaders = 2;
  const tell = names.flatMap(({ at, bytes }, index) => {
    const operands = [responseHeaders, at, bytes.length].map(constant);
    return [...called(0, ...operands, ...(values[index] ?? [])), drop];
  });
  return Uint8Array.from([
    ...header,
    ...section(
      1,
      [
        [0, 0],
        [1, 1],
        [5, 1],
        [3, 1],
        [2, 1],
        [4, 1],
      ].map(([from = 0, to = 0]) => functionType(from, to)),
    ),
    ...section(2, [
      imported("env", "proxy_add_header_map_value", 2),
      imported("env", "proxy_get_buffer_bytes", 2),
      imported("env", "proxy_get_property", 5),
      imported("wasi_snapshot_preview1", "environ_sizes_get", 4),
      imported("wasi_snapshot_preview1", "environ_get", 4),
    ]),
    ...section(3, [[0], [1], [4], [3]]),
    ...section(5, [[0x00, 2]]),
    ...section(6, [[0x7f, 1, ...constant(heapAt), 0x0b]]),
    ...section(7, [
      exported("memory", 2, 0),
      exported("proxy_abi_version_0_2_1", 0, 5),
      exported("malloc", 0, 6),
      exported("proxy_on_configure", 0, 7),
      exported("proxy_on_response_headers", 0, 8),
    ]),
    ...section(10, [body(), allocate(), configure(path.length), body(...tell, ...constant(0))]),
    ...section(11, [...names.map(({ at, bytes }) => data(at, bytes)), data(pathAt, path)]),
  ]);
}

/** The old end of what is used; the new one is behind what is asked for. */
function allocate(): number[] {
  const [getGlobal, setGlobal, getLocal, add] = [0x23, 0x24, 0x20, 0x6a];
  return body(getGlobal, 0, getGlobal, 0, getLocal, 0, add, setGlobal, 0);
}

function configure(pathLength: number): number[] {
  const pluginConfiguration = 7;
  const size = [0x20, 1];
  return body(
    ...called(
      1,
      constant(pluginConfiguration),
      constant(0),
      size,
      constant(configuration),
      constant(configuration + 4),
    ),
    drop,
    ...called(2, ...[pathAt, pathLength, rootId, rootId + 4].map(constant)),
    drop,
    ...called(3, ...[variables, variables + 4].map(constant)),
    drop,
    ...called(4, ...[pointersAt, stringsAt].map(constant)),
    drop,
    ...constant(1),
  );
}
