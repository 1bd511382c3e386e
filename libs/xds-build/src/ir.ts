// The IR is used as a namespace, `ir.Cluster` beside Envoy's `Cluster`, so that a line says which of the two it means.
export type * as ir from "@lateen/ir";
