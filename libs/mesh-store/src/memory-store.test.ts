import { createMemoryStore } from "./memory-store.ts";
import { meshStoreContract } from "./testing/index.ts";

meshStoreContract("memory", async () => {
  const store = createMemoryStore();
  return { store, [Symbol.asyncDispose]: () => store.close() };
});
