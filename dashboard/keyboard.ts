import { useLayoutEffect } from "preact/hooks";
import { Store } from "./store.ts";

const storageKey = "keyboard";

/** Single keys can be switched off, for those who talk to their computer (WCAG 2.1.4). */
export const keysOn = new Store(localStorage.getItem(storageKey) !== "off");

export function switchKeys(on: boolean): void {
  localStorage.setItem(storageKey, on ? "on" : "off");
  keysOn.set(on);
}

export type Keys = Readonly<Record<string, (event: KeyboardEvent) => void>>;

/**
 * Single keys while nothing is being typed and no dialog is open. `Escape` also works in a field, where it leaves it.
 * Set with the DOM and not after the paint: a key pressed as soon as something is there to be seen is not lost.
 */
export function useKeys(keys: Keys): void {
  useLayoutEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (document.querySelector("dialog[open]") !== null || isTyping(event)) return;
      const run = keysOn.value || event.key === "Escape" ? keys[event.key] : undefined;
      if (run === undefined) return;
      event.preventDefault();
      run(event);
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  });
}

function isTyping({ target, key }: KeyboardEvent): boolean {
  if (!(target instanceof HTMLElement)) return false;
  const field = target.closest("input:not([type=checkbox]), textarea, select");
  if (field === null) return false;
  if (key === "Escape") target.blur();
  return true;
}
