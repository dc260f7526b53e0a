/** How many random bytes a name takes. */
export const callNameBytes = 16;

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** As many letters and digits as 128 bits need. */
const length = 22;

/** What the things that one call makes are called after: 22 letters and digits from `callNameBytes` random bytes. */
export function callNameOf(random: Uint8Array): string {
  const number = random.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  return Array.from({ length }, (_, place) =>
    alphabet.charAt(Number((number / 62n ** BigInt(place)) % 62n)),
  ).join("");
}
