import { type Type, typeUrls, types } from "./wire.ts";

const urls = types.map((type) => [type, Buffer.from(typeUrls[type])] as const);
/** Tag of `response_nonce`, which only acknowledgements have; a type URL is always followed or preceded by it. */
const nonceTag = 0x32;

/** The type a request asks for first; undefined for an acknowledgement. Looks at no more than it must. */
export function askedType(bytes: Buffer): Type | undefined {
  const found = urls.find(([, url]) => bytes.includes(url));
  if (found === undefined) return undefined;
  const [type, url] = found;
  return bytes.length > url.length + 2 && bytes[url.length + 2] === nonceTag ? undefined : type;
}
