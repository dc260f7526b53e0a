/** Standard base64 (RFC 4648 §4), padded, on one line. */
export function encodeBase64(bytes: Uint8Array): string {
  let binary = "";
  // Byte by byte: as arguments of one call, a long array would overflow the stack.
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/**
 * Null for anything but the one canonical spelling: two spellings of one signature would be two texts that both verify,
 * and nobody could say which of them was written.
 */
export function decodeBase64(text: string): Uint8Array | null {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    return null;
  }
  // atob forgives missing padding, white space and stray bits; encoding again does not.
  if (btoa(binary) !== text) return null;
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
