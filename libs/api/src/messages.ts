import { create } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { GatewaySchema } from "@lateen/protos/networking/v1alpha3/gateway_pb.js";
import type { Gateway } from "@lateen/protos/networking/v1alpha3/gateway_pb.js";
import { VirtualServiceSchema } from "@lateen/protos/networking/v1alpha3/virtual_service_pb.js";
import type { VirtualService } from "@lateen/protos/networking/v1alpha3/virtual_service_pb.js";

/** What other kinds are understood as; nobody writes or stores these, so nothing checks them. */
export function gatewaySpec(init: MessageInitShape<typeof GatewaySchema>): Gateway {
  return create(GatewaySchema, init);
}

export function virtualServiceSpec(init: MessageInitShape<typeof VirtualServiceSchema>): VirtualService {
  return create(VirtualServiceSchema, init);
}
