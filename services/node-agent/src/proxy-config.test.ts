import assert from "node:assert/strict";
import { test } from "node:test";
import { readProxyConfig } from "./proxy-config.ts";

const accepted = [
  { name: "nothing", text: "{}", expected: { concurrency: 2, drainMs: 5_000 } },
  { name: "an empty text", text: "", expected: { concurrency: 2, drainMs: 5_000 } },
  {
    name: "JSON, as the injector writes it",
    text: '{"discoveryAddress":"pilot:15012","concurrency":0,"terminationDrainDuration":"1.5s"}',
    expected: { discoveryAddress: "pilot:15012", concurrency: 0, drainMs: 1_500 },
  },
  {
    name: "YAML",
    text: "discoveryAddress: pilot:15012\nconcurrency: 4\n",
    expected: { discoveryAddress: "pilot:15012", concurrency: 4, drainMs: 5_000 },
  },
];
for (const { name, text, expected } of accepted)
  test(`ProxyConfig: ${name}`, async () => {
    const { raw: _raw, ...read } = await readProxyConfig(text);
    assert.deepEqual(read, expected);
  });

const refused = [
  { text: "concurrency: -1", message: /PROXY_CONFIG concurrency is -1; write a whole number/ },
  { text: "concurrency: many", message: /PROXY_CONFIG concurrency is "many"/ },
  { text: "terminationDrainDuration: 5m", message: /PROXY_CONFIG terminationDrainDuration is "5m"; write seconds/ },
  { text: "just a word", message: /PROXY_CONFIG is not an object/ },
];
for (const { text, message } of refused)
  test(`ProxyConfig refused: ${text}`, async () => await assert.rejects(readProxyConfig(text), message));
