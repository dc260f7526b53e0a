import { Store } from "./store.ts";

/** Where the page is: one of its views, with the filters of the address. */
export type Place = { path: string; search: URLSearchParams };

const here = (): Place => ({ path: location.pathname, search: new URLSearchParams(location.search) });

export const place = new Store<Place>(here());
addEventListener("popstate", () => place.set(here()));

/** Goes to another address of the page. Its view is at the top; going back is where it was. */
export function go(to: string): void {
  history.pushState(null, "", to);
  place.set(here());
  scrollTo(0, 0);
}

/** The same view with other filters. Not a step to go back by. */
export function refine(search: URLSearchParams): void {
  const text = search.toString();
  history.replaceState(null, "", text === "" ? location.pathname : `${location.pathname}?${text}`);
  place.set(here());
}

/** Clicks on the page's own links stay on the page, unless the person asked for a new tab. */
export function followLinks(event: MouseEvent): void {
  const plain = !event.metaKey && !event.ctrlKey && !event.shiftKey;
  if (event.defaultPrevented || event.button !== 0 || !plain) return;
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (link === null || link.target !== "" || link.origin !== location.origin || link.hash !== "") return;
  if (link.hasAttribute("download")) return;
  event.preventDefault();
  go(link.pathname + link.search);
}
