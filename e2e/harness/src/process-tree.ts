import { readdirSync, readFileSync } from "node:fs";

/** One process at one time: a pid that is used again has another start time. */
export interface ProcessRef {
  readonly pid: number;
  readonly startTime: string;
  readonly command: string;
}

/** The children of `pid`, their children, and so on, as /proc has them now. */
export function descendants(pid: number): readonly ProcessRef[] {
  const all = listProcesses();
  const found: ProcessRef[] = [];
  const parents = new Set([pid]);
  for (let grown = true; grown; ) {
    grown = false;
    for (const process of all) {
      if (!parents.has(process.parent) || parents.has(process.pid)) continue;
      parents.add(process.pid);
      found.push(process);
      grown = true;
    }
  }
  return found;
}

/** Neither ended nor a zombie, and still the same process. */
export function isRunning(process: ProcessRef): boolean {
  const now = readProcess(process.pid);
  return now !== undefined && now.startTime === process.startTime && now.state !== "Z";
}

export interface ResidentMemory {
  /** Bytes, VmRSS: with the pages of the program's file, which processes of the same program share. */
  readonly total: number;
  /** Bytes that it has for itself alone, RssAnon. */
  readonly own: number;
}

/** Throws if there is no such process. */
export function residentMemory(pid: number): ResidentMemory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const bytes = (field: string): number => {
    const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
    if (kilobytes === undefined) throw new Error(`/proc/${pid}/status has no ${field}`);
    return Number(kilobytes) * 1024;
  };
  return { total: bytes("VmRSS"), own: bytes("RssAnon") };
}

interface ProcessLine extends ProcessRef {
  readonly parent: number;
  readonly state: string;
}

function listProcesses(): readonly ProcessLine[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(Number(name)) ?? []);
}

function readProcess(pid: number): ProcessLine | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined; // it ended meanwhile
  }
  const end = stat.lastIndexOf(")"); // the command may hold spaces and parentheses
  const fields = stat.slice(end + 2).split(" "); // from field 3 (state) on, see proc(5)
  return {
    pid,
    command: stat.slice(stat.indexOf("(") + 1, end),
    state: fields[0] ?? "",
    parent: Number(fields[1]),
    startTime: fields[19] ?? "",
  };
}
