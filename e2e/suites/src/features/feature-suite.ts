import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { meshConfig } from "@lateen/e2e-harness";
import type { Feature, FeatureMeshSpec } from "./feature.ts";
import { FeatureMesh } from "./feature-mesh.ts";
import { FeatureRow, mistakes } from "./feature-row.ts";

/**
 * One plane and its proxies, and a test for each row. The configuration of all rows is there from the start, but for
 * those that are `alone`. Afterwards no proxy may have refused anything.
 */
export function featureSuite(title: string, spec: FeatureMeshSpec, features: readonly Feature[]): void {
  suite(title, () => {
    const owned = new AsyncDisposableStack();
    const rows = new Map<Feature, FeatureRow>();
    let mesh: FeatureMesh;

    before(async () => {
      mesh = owned.use(await FeatureMesh.create(spec));
      for (const feature of features) {
        const row = await FeatureRow.create(feature, mesh);
        rows.set(feature, row);
        if (feature.alone !== true) await mesh.folder.write(row.file, row.objects());
      }
      await mesh.start();
    });
    after(() => owned.disposeAsync());

    for (const feature of features) {
      test(feature.name, { skip: feature.skip ?? false }, async () => {
        const row = rows.get(feature);
        assert.ok(row);
        if (feature.alone === true) await checkAlone(mesh, row, spec);
        else await check(mesh, row);
      });
    }

    if (spec.refusals !== true) {
      test("Envoy refused nothing", async () => {
        for (const proxy of mesh.proxies) {
          const { rejected, rejectedNames } = await proxy.admin.updates();
          assert.deepEqual({ rejected, rejectedNames }, { rejected: 0, rejectedNames: [] }, proxy.output.slice(-2_000));
        }
      });
    }
  });
}

async function check(mesh: FeatureMesh, row: FeatureRow): Promise<void> {
  const said = mistakes(mesh.plane, row.file).join("\n");
  if (row.feature.complains === undefined) assert.equal(said, "", "the plane has something to say of the manifests");
  else assert.match(said, row.feature.complains);
  await row.feature.check(row);
}

async function checkAlone(mesh: FeatureMesh, row: FeatureRow, spec: FeatureMeshSpec): Promise<void> {
  const { folder } = mesh;
  const { meshConfig: own } = row.feature;
  const config = own === undefined ? [] : [meshConfig(JSON.stringify({ ...spec.meshConfig, ...own(row) }))];
  await mesh.settle(() => folder.replace(row.file, [...config, ...row.objects()]));
  try {
    await check(mesh, row);
  } finally {
    const before = own === undefined || spec.meshConfig === undefined ? [] : [spec.meshConfig];
    await mesh.settle(async () => {
      if (before.length === 0) await folder.remove(row.file);
      for (const one of before) await folder.replace(row.file, [meshConfig(JSON.stringify(one))]);
    });
  }
}
