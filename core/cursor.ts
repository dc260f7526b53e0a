/**
 * Where a list goes on, as the opaque text a client hands back: base64url of a position, which is a whole number from 1.
 * Opaque so that nobody counts with it; it authorises nothing and needs no signature.
 */
export function encodeCursor(position: number): string {
  return btoa(String(position)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The position of a cursor; null for text that `encodeCursor` does not make. */
export function decodeCursor(cursor: string): number | null {
  if (!/^[A-Za-z0-9_-]{2,24}$/u.test(cursor) || cursor.length % 4 === 1) return null;
  const text = atob(cursor.replaceAll("-", "+").replaceAll("_", "/"));
  if (!/^[1-9]\d{0,15}$/u.test(text)) return null;
  const position = Number(text);
  return Number.isSafeInteger(position) && encodeCursor(position) === cursor ? position : null;
}
