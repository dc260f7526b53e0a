import type { JSX } from "preact";
import { renewNow, signInAnew } from "../renew.ts";
import { session, stayStale } from "../session.ts";
import { useStore } from "../store.ts";
import { Dialog } from "./dialog.tsx";
import { SignInForm } from "./sign-in-form.tsx";

/** Over whatever somebody was doing, which is still there afterwards. */
export function SignInAgain(): JSX.Element | null {
  const state = useStore(session);
  if (state.kind !== "in" || state.stale === null) return null;
  const old = state.stale === "old";
  return (
    <Dialog
      title={old ? "Sign in again to decide on this" : "Your session has ended"}
      close={() => stayStale()}
    >
      <p>
        {old
          ? "This is critical, and you signed in more than five minutes ago."
          : "Sign in again to go on. What you have typed stays."}
      </p>
      {state.session.signedInBy === "access" ? <ByAccess old={old} /> : <SignInForm />}
      {old && (
        <p>
          <button type="button" onClick={() => stayStale()}>
            Not now
          </button>
        </p>
      )}
    </Dialog>
  );
}

/** Away to Access and back to this address. */
function ByAccess({ old }: { old: boolean }): JSX.Element {
  return (
    <p class="buttons">
      <button type="button" class="main" onClick={() => (old ? signInAnew() : renewNow())}>
        Sign in again
      </button>
    </p>
  );
}
