/**
 * Runs in a pod that shares the node's process ids: SIGKILL to every process of one container, as a crash would be.
 * Its argument is the container's id; prints the pids as JSON.
 */
import { readdirSync, readFileSync } from "node:fs";

const id = JSON.parse(process.argv.at(-1) ?? '""') as string;
if (!/^[0-9a-f]{32,}$/.test(id)) throw new Error(`"${id}" is no container id`);

const pids = readdirSync("/proc")
  .filter((name) => /^\d+$/.test(name))
  .filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(id);
    } catch {
      return false; // it ended meanwhile
    }
  })
  .map(Number);
for (const pid of pids) process.kill(pid, "SIGKILL");
console.log(JSON.stringify(pids));
