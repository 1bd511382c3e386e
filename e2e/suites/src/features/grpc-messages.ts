/** gRPC puts a flag and the length before each message. */
export function messagesIn(body: Buffer): Buffer[] {
  return takeMessages(body).messages;
}

/** The whole messages at the start of `body`, and what is left of it. */
export function takeMessages(body: Buffer): { readonly messages: Buffer[]; readonly rest: Buffer } {
  const messages: Buffer[] = [];
  let at = 0;
  while (at + 5 <= body.length) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    if (end > body.length) break;
    messages.push(body.subarray(at + 5, end));
    at = end;
  }
  return { messages, rest: body.subarray(at) };
}

export function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
