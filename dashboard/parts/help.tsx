import type { JSX } from "preact";
import { keysOn, switchKeys } from "../keyboard.ts";
import { useStore } from "../store.ts";
import { Dialog } from "./dialog.tsx";

const keys = [
  ["j, k", "next and previous in the queue"],
  ["x", "select it"],
  ["Enter", "open it"],
  ["a", "approve: goes to the button, Enter presses it; in the queue, for what is selected"],
  ["d", "deny: goes to the reason"],
  ["/", "to the filters"],
  ["Esc", "leave a field, clear the selection, go back"],
  ["?", "this"],
] as const;

export function Help({ close }: { close: () => void }): JSX.Element {
  const on = useStore(keysOn);
  return (
    <Dialog title="Keyboard" close={close}>
      <dl class="keys">
        {keys.map(([key, does]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={on}
          onChange={({ currentTarget }) => switchKeys(currentTarget.checked)}
        />
        Single keys do something
      </label>
      <p class="buttons">
        <button type="button" onClick={close}>
          Close
        </button>
      </p>
    </Dialog>
  );
}
