/** How far Slack's clock and ours may be apart, in either direction. */
const toleranceMs = 300_000;

/**
 * Whether Slack signed these bytes with our secret, and just now (threat T6). Stricter than Slack's own libraries: the version is `v0=`
 * and nothing else, the signature 64 lower-case hex digits, the time ten digits, and one from the future is refused as an old one is.
 * @param body the bytes as they came: decoding them first may change them.
 * @param now epoch ms
 */
export async function isFromSlack(
  secret: string,
  headers: { readonly timestamp: string | null; readonly signature: string | null },
  body: Uint8Array<ArrayBuffer>,
  now: number,
): Promise<boolean> {
  const { timestamp, signature } = headers;
  const hex = /^v0=([0-9a-f]{64})$/u.exec(signature ?? "")?.[1];
  if (hex === undefined || timestamp === null || !/^\d{10}$/u.test(timestamp)) return false;
  if (Math.abs(now - Number(timestamp) * 1_000) > toleranceMs) return false;
  const head = new TextEncoder().encode(`v0:${timestamp}:`);
  const signed = new Uint8Array(head.byteLength + body.byteLength);
  signed.set(head);
  signed.set(body, head.byteLength);
  const mac = Uint8Array.from(hex.match(/../gu) ?? [], (pair) => Number.parseInt(pair, 16));
  return crypto.subtle.verify("HMAC", await keyOf(secret), mac, signed);
}

type Key = Awaited<ReturnType<typeof importKey>>;
/** The last secret's key, so that a burst of forgeries costs one import. */
let kept: { secret: string; key: Key } | null = null;

async function keyOf(secret: string): Promise<Key> {
  if (kept?.secret === secret) return kept.key;
  const key = await importKey(secret);
  kept = { secret, key };
  return key;
}

const importKey = (secret: string) =>
  crypto.subtle.importKey("raw", new TextEncoder().encode(secret), { name: "HMAC", hash: "SHA-256" }, false, [
    "verify",
  ]);
