#!/usr/bin/env node
import { program } from "./program.ts";
import { reportFailure } from "./program-errors.ts";

await reportFailure(async () => {
  await program().parseAsync();
});
