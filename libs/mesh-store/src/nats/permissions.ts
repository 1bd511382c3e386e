/**
 * What a NATS user must be allowed to publish to read a bucket through `openNatsStore`; subscribing takes its inbox
 * (`inboxPrefix` and `.>`). Writing a key takes `$KV.<bucket>.<key>` besides, as in `$KV.mesh.status.pilot.>`.
 */
export function readerPermissions(bucket: string): readonly string[] {
  const stream = `KV_${bucket}`;
  return [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.MSG.GET.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.DELETE.${stream}.>`,
    `$JS.FC.${stream}.>`,
  ];
}
