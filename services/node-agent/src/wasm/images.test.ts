import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createKeyAndCsr, createRootCa, issueWorkloadCertificate, openCertificateAuthority } from "@lateen/pki";
import { silentLogger } from "@lateen/runtime";
import { ImageRegistry, digestOf, imageIndex, moduleArtifact, moduleImage } from "@lateen/testkit";
import type { TestImage } from "@lateen/testkit";
import { ModuleStore } from "./module-store.ts";

const moduleNumbered = (number: number): Buffer => Buffer.from([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, number]);
const module = moduleNumbered(0);
const wanted = { sha256: "", generation: "1" };
const [open, token, password] = [
  new ImageRegistry(),
  new ImageRegistry({ authentication: "bearer", user: "ann:s3cret" }),
  new ImageRegistry({ authentication: "basic", user: "ann:s3cret" }),
];
const publicImages = new ImageRegistry({ authentication: "bearer" });
const registries = [open, token, password, publicImages];
let directory = "";

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "images-"));
  for (const registry of registries) await registry.listen();
});
after(async () => {
  for (const registry of registries) registry.close();
  await rm(directory, { recursive: true });
});

function store(name: string, options: { readonly dockerConfig?: string } = {}): ModuleStore {
  return new ModuleStore({ directory: join(directory, name), logger: silentLogger(), retryMs: 1, ...options });
}

function configFor(registry: ImageRegistry, user: string): string {
  return JSON.stringify({ auths: { [registry.address]: { auth: Buffer.from(user).toString("base64") } } });
}

const pulls = (registry: ImageRegistry): number =>
  registry.asked.filter(({ path }) => path.includes("/manifests/")).length;

describe("the forms of an image", () => {
  const forms: readonly (readonly [string, TestImage])[] = [
    ["an artifact whose layer is the module", moduleArtifact(module)],
    ["an OCI image with the module in a layer", moduleImage(module)],
    [
      "an image of Docker's with the module in a folder",
      moduleImage(module, { format: "docker", file: "./opt/plugin.wasm" }),
    ],
  ];
  for (const [name, image] of forms) {
    test(name, async () => {
      open.put("team/form", "1", image);
      const file = await store(name).file({ ...wanted, url: `oci://${open.address}/team/form:1` });
      assert.deepEqual(await readFile(file), module);
    });
  }

  test("an index, of which linux/amd64 counts", async () => {
    const index = imageIndex({ "linux/arm64": moduleImage(moduleNumbered(1)), "linux/amd64": moduleImage(module) });
    for (const image of index.images) open.put("team/index", "one", image);
    const digest = open.put("team/index", "1", index).slice("sha256:".length);
    const modules = store("index");
    const url = `oci://${open.address}/team/index`;
    assert.deepEqual(await readFile(await modules.file({ ...wanted, url: `${url}:1` })), module);
    assert.deepEqual(await readFile(await modules.file({ ...wanted, url: `${url}:1`, sha256: digest })), module);
    assert.deepEqual(await readFile(await modules.file({ ...wanted, url: `${url}@sha256:${digest}` })), module);
  });
});

describe("what is refused", () => {
  const wrong: readonly (readonly [string, TestImage, RegExp])[] = [
    ["an image without a module", moduleImage(module, { file: "other.wasm" }), /has no plugin\.wasm/],
    ["a layer that is no module", moduleArtifact(Buffer.from("<html>")), /not a WebAssembly module/],
    [
      "an index without the platform",
      imageIndex({ "linux/arm64": moduleImage(module), "linux/s390x": moduleImage(module) }),
      /it has linux\/arm64, linux\/s390x/,
    ],
    [
      "what is no image",
      { mediaType: "text/html", manifest: Buffer.from("<html>"), blobs: [] },
      /neither one of an image nor an index/,
    ],
  ];
  for (const [name, image, problem] of wrong) {
    test(name, async () => {
      open.put("team/wrong", "1", image);
      await assert.rejects(store(name).file({ ...wanted, url: `oci://${open.address}/team/wrong:1` }), problem);
      assert.deepEqual(await readdir(join(directory, name)), [], "nothing is left behind");
    });
  }

  test("another digest, another layer, a tag that is not there", async () => {
    const digest = open.put("team/a", "1", moduleArtifact(module));
    const url = `oci://${open.address}/team/a`;
    const other = "0".repeat(64);
    await assert.rejects(
      store("sum").file({ ...wanted, url: `${url}:1`, sha256: other }),
      new RegExp(`${digest.slice(7)}, and should be 0000`),
    );
    await assert.rejects(store("sum").file({ ...wanted, url: `${url}:2` }), /has no team\/a 2/);
    await assert.rejects(store("sum").file({ ...wanted, url: `${url}@sha256:${other}` }), /has no team\/a sha256:0000/);
    const image = moduleArtifact(moduleNumbered(7));
    open.put("team/a", "broken", image);
    open.replaceBlob(`sha256:${digestOf(moduleNumbered(7))}`, moduleNumbered(8));
    await assert.rejects(
      store("sum").file({ ...wanted, url: `${url}:broken` }),
      /its layer is sha256:.*, and should be/,
    );
  });
});

test("a tag is asked for once, or once for each generation; latest by itself; a digest never again", async () => {
  const modules = store("policy");
  const pull = async (reference: string, generation: string, policy: { refetch?: boolean } = {}): Promise<Buffer> =>
    await readFile(
      await modules.file({ sha256: "", generation, url: `oci://${open.address}/team/p${reference}`, ...policy }),
    );
  const [one, two] = [moduleNumbered(1), moduleNumbered(2)];
  const digest = open.put("team/p", "v", moduleArtifact(one));
  open.put("team/p", "latest", moduleArtifact(one));
  for (const reference of [":v", ":latest", "", `@${digest}`]) assert.deepEqual(await pull(reference, "1"), one);
  for (const tag of ["v", "latest"]) open.put("team/p", tag, moduleArtifact(two));
  const before = pulls(open);
  assert.deepEqual(await pull(":v", "2"), one);
  assert.deepEqual(await pull(":latest", "1"), one);
  assert.deepEqual(await pull(`@${digest}`, "2", { refetch: true }), one);
  assert.deepEqual(await pull(":latest", "2", { refetch: false }), one);
  assert.equal(pulls(open), before);
  assert.deepEqual(await pull(":latest", "2"), two);
  assert.deepEqual(await pull(":v", "2", { refetch: true }), two);
  assert.equal(pulls(open), before + 2);
});

describe("registries that ask who it is", () => {
  test("anonymous callers get a token, too", async () => {
    publicImages.put("library/a", "1", moduleArtifact(module));
    const file = await store("public").file({ ...wanted, url: `oci://${publicImages.address}/library/a:1` });
    assert.deepEqual(await readFile(file), module);
  });

  for (const [name, registry] of [
    ["a token", token],
    ["a password", password],
  ] as const) {
    test(`${name} is had with the right credentials only`, async () => {
      registry.put("team/a", "1", moduleImage(module));
      const asked = { ...wanted, url: `oci://${registry.address}/team/a:1` };
      await assert.rejects(store(name).file(asked), /name an imagePullSecret/);
      const wrong = async (): Promise<string> => configFor(registry, "ann:wrong");
      await assert.rejects(
        store(name).file({ ...asked, credentials: wrong }),
        /credentials that there are .* do not do/,
      );
      const right = async (): Promise<string> => configFor(registry, "ann:s3cret");
      assert.deepEqual(await readFile(await store(name).file({ ...asked, credentials: right })), module);
    });
  }

  test("the proxy's own Docker configuration serves those that name none", async () => {
    await writeFile(join(directory, "config.json"), configFor(password, "ann:s3cret"));
    password.put("team/b", "1", moduleImage(module));
    const asked = { ...wanted, url: `oci://${password.address}/team/b:1` };
    assert.deepEqual(await readFile(await store("own", { dockerConfig: directory }).file(asked)), module);
  });
});

test("a certificate of nobody's is taken from registries that are listed as insecure only", async (context) => {
  const authority = await openCertificateAuthority(await createRootCa({ organization: "nobody" }));
  const { csrPem, privateKeyPem } = await createKeyAndCsr();
  const identity = { trustDomain: "t", namespace: "n", serviceAccount: "s" };
  const issued = await issueWorkloadCertificate(authority, { csrPem, identity, dnsNames: [], ttlSeconds: 3_600 });
  const server = createServer({ key: privateKeyPem, cert: issued.chain.join("") }, (_request, response) => {
    response.end(module);
  });
  context.after(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const asked = { ...wanted, url: `https://${host}/a.wasm` };
  await assert.rejects(store("tls").file(asked), /certificate/);
  const trusting = new ModuleStore({ directory, logger: silentLogger(), insecureRegistries: [host] });
  assert.deepEqual(await readFile(await trusting.file(asked)), module);
});
