import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { analyzeFolders } from "./analysis.ts";

const rules = (weight: number): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: shop }
spec:
  hosts: [reviews.example.com]
  http: [{ route: [{ destination: { host: reviews.example.com }, weight: ${weight} }] }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: reviews-${weight}, namespace: shop }
spec: { hosts: [reviews.example.com], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: DNS }
`;

test("an object in two files is told once, for the file that does not count, and does not conflict with itself", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "lateen-analysis-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, "a.yaml"), rules(1));
  await writeFile(join(directory, "b.yaml"), rules(2));
  const { violations } = await analyzeFolders([directory]);
  assert.deepEqual(
    violations.filter(({ object }) => object.kind === "VirtualService").map(({ object, code }) => [object.file, code]),
    [[join(directory, "b.yaml"), "duplicate-object"]],
  );
});

test("a path that is not there is named", async () => {
  await assert.rejects(analyzeFolders(["/nonexistent/folder"]), /cannot read \/nonexistent\/folder.*exist/);
});
