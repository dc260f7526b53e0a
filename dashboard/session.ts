import { SessionView, SignedInAnswer, SignedOutAnswer } from "../schemas/session.ts";
import { call, onSignedOut, Refused } from "./api.ts";
import { renewSoon } from "./renew.ts";
import { Store } from "./store.ts";

/**
 * Who is signed in. `stale`: a session was here and what is on the page stays as it is, but it has ended, or is too old for
 * something critical; signing in again goes on where it was.
 */
export type SessionState =
  | { kind: "asking" }
  | { kind: "out" }
  | { kind: "in"; session: SessionView; stale: "ended" | "old" | null };

export const session = new Store<SessionState>({ kind: "asking" });

/** Other pages of this browser hear of a sign-in, so that one link wakes them all. */
const channel = new BroadcastChannel("holdpoint");
channel.addEventListener("message", () => void loadSession());

onSignedOut(() => {
  const { value } = session;
  if (value.kind !== "in") return;
  if (value.session.signedInBy === "access" && renewSoon()) return;
  session.set({ ...value, stale: "ended" });
});

/** Asks the engine who is signed in. Where it cannot be asked, what was known stays. */
export async function loadSession(): Promise<void> {
  try {
    take(await call(SessionView, "/v1/session"));
  } catch (error) {
    const { value } = session;
    if (value.kind === "asking" && error instanceof Refused) session.set({ kind: "out" });
    else if (value.kind === "asking") setTimeout(() => void loadSession(), 2_000);
  }
}

function take(now: SessionView): void {
  const { value } = session;
  // What is on the page was another person's.
  if (value.kind === "in" && value.session.person !== now.person) location.reload();
  session.set({ kind: "in", session: now, stale: null });
}

/** Uses a sign-in link's token up. @throws Refused */
export async function signIn(token: string): Promise<void> {
  await call(SignedInAnswer, "/v1/session", { method: "POST", body: { token } });
  await loadSession();
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel only ever reaches its own origin
  channel.postMessage("signed in");
}

export async function signOut(): Promise<void> {
  await call(SignedOutAnswer, "/v1/session", { method: "DELETE" });
  // What was typed here is nobody else's.
  sessionStorage.clear();
  session.set({ kind: "out" });
}

/** Asks for a new sign-in before something critical. @returns whether the one there is recent enough. */
export function demandFresh(): boolean {
  const { value } = session;
  if (value.kind !== "in") return false;
  if (Date.now() < Date.parse(value.session.freshUntil)) return true;
  session.set({ ...value, stale: "old" });
  return false;
}

/** Leaves what needs a fresh sign-in for now. */
export function stayStale(): void {
  const { value } = session;
  if (value.kind === "in" && value.stale === "old") session.set({ ...value, stale: null });
}
