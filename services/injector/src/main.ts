import { runMain } from "@lateen/runtime";
import { createApp } from "./app.ts";
import { loadConfig } from "./config.ts";

process.exit(await runMain("injector", loadConfig, createApp));
