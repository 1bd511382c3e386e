/**
 * What a NATS user must be allowed to publish to read a bucket through `openNatsStore`; subscribing takes its inbox
 * (`inboxPrefix` and `.>`). Writing a key takes `$KV.<bucket>.<key>` besides, as in `$KV.mesh.status.pilot.>`. Somebody
 * must be allowed to create the bucket, also when NATS comes back without its data: `$JS.API.STREAM.CREATE.KV_<bucket>`.
 */
export function readerPermissions(bucket: string): readonly string[] {
  const stream = `KV_${bucket}`;
  return [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.MSG.GET.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}`, // of several prefixes
    `$JS.API.CONSUMER.CREATE.${stream}.>`, // of one, which the subject then ends with
    `$JS.API.CONSUMER.DELETE.${stream}.>`,
    `$JS.FC.${stream}.>`,
  ];
}
