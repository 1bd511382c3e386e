/** What is not run is not loaded: the agent's memory is paid for once a workload. */
async function run(): Promise<number> {
  if (process.argv[2] === "wait") return await (await import("./wait.ts")).waitForProxy();
  return await (await import("./run-agent.ts")).runAgent();
}

process.exit(await run());
