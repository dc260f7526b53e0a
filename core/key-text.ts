/**
 * The text of an API key: `hp_<workspace>_<id>_<secret><checksum>`. The id is looked up, the secret is never stored, and the
 * checksum tells a mistyped or cut-off key from a wrong one without asking anybody. All of it is base62 but the workspace,
 * which holds no underscore, so the parts never need escaping.
 */
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** 12 characters of base62 are 71 bits: enough that two keys of an engine never share an id. */
const idLength = 12;
/** 30 characters of base62 are 178 bits. */
const secretLength = 30;
/** 62^6 > 2^32, so six characters hold any CRC-32. */
const checksumLength = 6;
const pattern = /^hp_([a-z][a-z0-9-]{0,38})_([0-9A-Za-z]{12})_([0-9A-Za-z]{36})$/u;

/** Random bytes that `keyTextOf` takes at most; see `base62Of`. */
export const keyRandomBytes = 2 * (idLength + secretLength);

export type KeyText = { readonly workspace: string; readonly id: string };

/** The parts of a key with a right checksum; null for any other text. */
export function parseKeyText(text: string): KeyText | null {
  const match = pattern.exec(text);
  const workspace = match?.[1];
  const id = match?.[2];
  if (workspace === undefined || id === undefined) return null;
  return text.endsWith(checksumOf(text.slice(0, -checksumLength))) ? { workspace, id } : null;
}

/**
 * A new key from random bytes. Null in the rare case (under one in a million for `keyRandomBytes` of them) that too many
 * bytes had to be thrown away: call again with fresh ones. `given`: an id of 12 base62 characters in place of a random one.
 */
export function keyTextOf(
  workspace: string,
  random: Uint8Array,
  given?: string,
): { id: string; key: string } | null {
  const characters = base62Of(random);
  if (characters.length < idLength + secretLength) return null;
  const id = given ?? characters.slice(0, idLength);
  const body = `hp_${workspace}_${id}_${characters.slice(idLength, idLength + secretLength)}`;
  return { id, key: `${body}${checksumOf(body)}` };
}

/** One character per byte below 248 = 4 · 62; higher bytes are dropped, as they would make some characters likelier. */
function base62Of(bytes: Uint8Array): string {
  return Array.from(bytes)
    .filter((byte) => byte < 4 * alphabet.length)
    .map((byte) => alphabet[byte % alphabet.length] ?? "")
    .join("");
}

/** CRC-32 (IEEE 802.3, as in zip and PNG) of ASCII text, in six base62 characters. */
function checksumOf(text: string): string {
  let rest = crc32(text);
  let encoded = "";
  for (let place = 0; place < checksumLength; place++) {
    encoded = `${alphabet[rest % alphabet.length] ?? ""}${encoded}`;
    rest = Math.floor(rest / alphabet.length);
  }
  return encoded;
}

/** Bit by bit, reflected polynomial 0xEDB88320: a key is 60 characters, so a table would cost more than it saves. */
export function crc32(text: string): number {
  let crc = 0xffffffff;
  for (const character of text) {
    crc ^= character.charCodeAt(0);
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
