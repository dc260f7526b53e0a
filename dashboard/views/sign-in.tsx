import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { wordsOf } from "../api.ts";
import { SignInForm } from "../parts/sign-in-form.tsx";
import { go, place } from "../route.ts";
import { signIn } from "../session.ts";

/**
 * The token of the link that was opened. Taken out of the address at once, so that it stays in no history; nothing is done
 * with it before the person says so.
 */
const opened: string | null = takeToken();

function takeToken(): string | null {
  if (location.pathname !== "/sign-in" || location.hash.length < 2) return null;
  const token = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  return token;
}

export function SignIn(): JSX.Element {
  const [token, setToken] = useState(opened);
  const [fault, setFault] = useState<string | null>(null);
  const use = async (): Promise<void> => {
    try {
      await signIn(token ?? "");
      if (place.value.path === "/sign-in") go("/");
    } catch (error) {
      setFault(wordsOf(error));
      setToken(null);
    }
  };
  return (
    <main class="sign-in">
      <p class="name">Holdpoint</p>
      <h1>Sign in</h1>
      {fault !== null && (
        <p class="fault" role="alert">
          {fault}
        </p>
      )}
      {token === null ? (
        <SignInForm />
      ) : (
        <>
          <p>This link signs you in, in this browser, for twelve hours. It works once.</p>
          <p class="buttons">
            <button type="button" class="main" onClick={() => void use()}>
              Sign in
            </button>
          </p>
        </>
      )}
    </main>
  );
}
