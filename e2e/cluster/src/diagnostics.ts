import { services, type World } from "./world.ts";

/** After a failure: pods, warnings, and the last lines of the services that complain. Bounded, since it goes to a log. */
export async function explain(world: World): Promise<void> {
  const { cluster, system, samples, print } = world;
  const show = async (
    title: string,
    args: readonly string[],
    keep: (line: string) => boolean = () => true,
    last = 15,
  ): Promise<void> => {
    const { stdout } = await cluster.try(args, { timeoutMs: 80_000 });
    const lines = stdout
      .split("\n")
      .filter((line) => line.trim() !== "" && keep(line))
      .slice(-last);
    if (lines.length > 0)
      print([`         ${title}`, ...lines.map((line) => `           ${line.slice(0, 400)}`)].join("\n"));
  };
  for (const namespace of [system, samples])
    await show(
      `pods of ${namespace} that are not well`,
      ["get", "pods", "-n", namespace, "--no-headers"],
      (line) => !/ (\d+)\/\1 +Running +0 /.test(line),
    );
  for (const namespace of [system, samples])
    await show(
      `warnings in ${namespace}`,
      ["get", "events", "-n", namespace, "--sort-by=.lastTimestamp"],
      (line) => /Warning/.test(line) && !/horizontalpodautoscaler|probe failed/i.test(line),
      6,
    );
  for (const service of services)
    await show(
      `log of ${service}`,
      ["logs", "-n", system, `deploy/lateen-${service}`, "--tail=200"],
      (line) => /"level":"(warn|error|fatal)"/.test(line),
      4,
    );
}
