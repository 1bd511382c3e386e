import { fileURLToPath } from "node:url";

/** The FileDescriptorSet with every upstream type, for building a dynamic registry (`createFileRegistry`). */
export const descriptorSetPath = fileURLToPath(new URL("../../../proto/upstream/descriptors.binpb", import.meta.url));
