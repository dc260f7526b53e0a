/**
 * Strict base64 (RFC 4648): undefined for anything but the one canonical spelling, because two spellings of one signature
 * are two texts that verify.
 */
export function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    return undefined;
  }
  // atob forgives missing padding, white space and stray bits; encoding again does not.
  if (btoa(binary) !== text) return undefined;
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** The same for base64url without padding, as JWS uses it. */
export function bytesOfBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[A-Za-z0-9_-]*$/u.test(text)) return undefined;
  const plain = text.replaceAll("-", "+").replaceAll("_", "/");
  return bytesOfBase64(plain.padEnd(Math.ceil(plain.length / 4) * 4, "="));
}
