import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import { wordsOf } from "../api.ts";
import { signIn } from "../session.ts";

/** The token of a sign-in link, whether the whole link was pasted or only what comes after its `#`. */
export const tokenOf = (text: string): string => text.trim().replace(/^.*#/u, "");

/** For a link that was made elsewhere: in a terminal, or by an operator. */
export function SignInForm(): JSX.Element {
  const [link, setLink] = useState("");
  const [fault, setFault] = useState<string | null>(null);
  const id = useId();
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    try {
      await signIn(tokenOf(link));
    } catch (error) {
      setFault(wordsOf(error));
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      <p>
        Make a link with <code>npx holdpoint sign-in</code> and your own key, or ask an operator for one. Open
        it here in this browser, or paste it:
      </p>
      <label for={id}>Sign-in link</label>
      <input
        id={id}
        value={link}
        autocomplete="off"
        spellcheck={false}
        onInput={({ currentTarget }) => setLink(currentTarget.value)}
      />
      {fault !== null && (
        <p class="fault" role="alert">
          {fault}
        </p>
      )}
      <p class="buttons">
        <button type="submit" class="main">
          Sign in
        </button>
      </p>
    </form>
  );
}
