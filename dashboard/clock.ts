import { Store } from "./store.ts";

/** The time in epoch ms, once a second: what every age on the page is drawn from. */
export const clock = new Store(Date.now());

setInterval(() => clock.set(Date.now()), 1_000);

const units = [
  ["d", 86_400],
  ["h", 3_600],
  ["m", 60],
] as const;

/** Milliseconds in the two largest units that say something: `3d 4h`, `12m 05s`, `9s`. */
export function formatMs(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m ${String(seconds % 60).padStart(2, "0")}s`;
  const [first, second] = units.filter(([, size]) => seconds >= size);
  const [name, size] = first ?? ["m", 60];
  const next = second ?? (name === "d" ? (["h", 3_600] as const) : (["m", 60] as const));
  const rest = Math.floor((seconds % size) / next[1]);
  return `${Math.floor(seconds / size)}${name}${rest > 0 ? ` ${rest}${next[0]}` : ""}`;
}

/** RFC 3339 as this browser writes a date and time. */
export const formatInstant = (text: string): string =>
  new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
