/**
 * Signing in again where Cloudflare Access does it: loading this very address leads through Access and back to it. The address
 * keeps the view and its filters; what was selected or typed is kept as a draft.
 */
const storageKey = "renewed-at";
/** A sign-in that did not help is not tried again for so long: the page would do nothing but load. */
const patienceMs = 60_000;
/** Nobody is taken away in the middle of a word. */
const quietMs = 1_500;

let typedAt = -Infinity;
addEventListener("input", () => (typedAt = performance.now()), { capture: true });

let scheduled = false;

/** Renews as soon as nobody is typing. @returns false where that was tried a moment ago. */
export function renewSoon(): boolean {
  if (scheduled) return true;
  if (Date.now() - Number(sessionStorage.getItem(storageKey) ?? "0") < patienceMs) return false;
  scheduled = true;
  whenQuiet();
  return true;
}

function whenQuiet(): void {
  const waitMs = typedAt + quietMs - performance.now();
  if (waitMs <= 0) renewNow();
  else setTimeout(whenQuiet, waitMs);
}

/** Because somebody asks for it: at once. */
export function renewNow(): void {
  sessionStorage.setItem(storageKey, String(Date.now()));
  location.reload();
}

/** Ends what Access knows of the person, so that they prove themselves anew; it leads back here. */
export function signInAnew(): void {
  const to = new URL("/cdn-cgi/access/logout", location.href);
  to.searchParams.set("returnTo", location.href);
  location.assign(to);
}
