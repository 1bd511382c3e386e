import assert from "node:assert/strict";
import { test } from "node:test";
import { credentialsFor } from "./docker-config.ts";
import { parseImageReference } from "./image-reference.ts";

const digest = `sha256:${"a".repeat(64)}`;
const references = [
  ["a", "index.docker.io", "library/a", "latest"],
  ["a:1", "index.docker.io", "library/a", "1"],
  ["team/a:1", "index.docker.io", "team/a", "1"],
  ["docker.io/a", "index.docker.io", "library/a", "latest"],
  ["registry.example/a", "registry.example", "a", "latest"],
  ["registry:5000/team/sub/a:v1.2", "registry:5000", "team/sub/a", "v1.2"],
  ["localhost/a", "localhost", "a", "latest"],
  [`registry.example/a@${digest}`, "registry.example", "a", digest],
  [`registry.example/a:1@${digest}`, "registry.example", "a", digest],
] as const;
for (const [text, registry, repository, wanted] of references) {
  test(`${text} is ${repository} of ${registry}`, () => {
    const reference = parseImageReference(`oci://${text}`);
    assert.deepEqual([reference.registry, reference.repository, reference.wanted], [registry, repository, wanted]);
  });
}

for (const text of ["", "A", "a:", "a@sha256:1", "registry.example/", "a b", "registry.example/../a"])
  test(`${JSON.stringify(text)} is no reference`, () =>
    assert.throws(() => parseImageReference(`oci://${text}`), /is not the reference of an image/));

const auth = Buffer.from("ann:a:b").toString("base64");
const none = { username: "", password: "", identityToken: "", registryToken: "" };
const configurations = [
  ["a registry by its name", "r:5000", { "r:5000": { auth } }, { ...none, username: "ann", password: "a:b" }],
  ["a URL of its host", "r:5000", { "https://r:5000/v2/": { auth } }, { ...none, username: "ann", password: "a:b" }],
  ["Docker Hub", "index.docker.io", { "https://index.docker.io/v1/": { username: "b" } }, { ...none, username: "b" }],
  ["a refresh token", "r", { r: { identitytoken: "t" } }, { ...none, identityToken: "t" }],
  ["another registry", "r", { s: { auth } }, undefined],
  ["nothing about it", "r", { r: {} }, undefined],
] as const;
for (const [name, registry, auths, expected] of configurations)
  test(`a Docker configuration with ${name}`, () =>
    assert.deepEqual(credentialsFor(registry, JSON.stringify({ auths })), expected));

test("what is no Docker configuration is not quoted", () => {
  for (const text of ["s3cret", '"s3cret"', '{"auths": "s3cret"}', '{"auths": {"r": "s3cret"}}'])
    assert.throws(
      () => credentialsFor("r", text),
      (error: Error) => /not a Docker configuration/.test(error.message) && !error.message.includes("s3cret"),
    );
});
