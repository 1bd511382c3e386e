import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { eventually, send } from "@lateen/e2e-harness";
import { extension, marking } from "./extensions.ts";
import { FeatureMesh } from "./feature-mesh.ts";

const file = "extension.yaml";

/** What comes by ECDS changes under a listener that stays as it is. */
suite("an extension changes without its listeners", () => {
  for (const protocol of ["DELTA_GRPC", "GRPC"] as const) {
    test(protocol, async () => {
      await using mesh = await FeatureMesh.create({ protocol, gateways: [] });
      const { namespace, servicePort: port } = mesh.mesh;
      const object = (value: string): object =>
        extension(
          "TrafficExtension",
          { namespace, name: "mark" },
          { match: [{ mode: "CLIENT" }], lua: marking(value) },
        );
      await mesh.folder.write(file, [object("one")]);
      await mesh.start();
      const proxy = mesh.proxy();
      const marked = async (): Promise<unknown> =>
        (await send({ address: proxy.address, port, host: `reviews.${namespace}.svc.cluster.local` })).headers["x-row"];
      const listeners = async (): Promise<readonly number[]> => [
        ...(
          await proxy.admin.stats(/^listener_manager\.(listener_modified|listener_removed|total_listeners_draining)$/)
        ).values(),
      ];
      assert.equal(await marked(), "one");

      const before = await listeners();
      await mesh.settle(() => mesh.folder.replace(file, [object("two")]));
      await eventually(async () => (await marked()) === "two", { what: "the other extension" });
      assert.deepEqual(await listeners(), before, "a listener was replaced");

      await mesh.settle(() => mesh.folder.remove(file));
      // Its listeners go with it, and Envoy's workers take new ones a moment after it has said yes to them.
      await eventually(async () => (await marked()) === undefined, { what: "requests go without the extension" });
      await mesh.settle(() => mesh.folder.write(file, [object("three")]));
      await eventually(async () => (await marked()) === "three", { what: "the extension is back" });
      assert.equal((await proxy.admin.updates()).rejected, 0);
    });
  }
});
