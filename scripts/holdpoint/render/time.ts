/** A length of time as a person says it: `850 ms`, `12.3 s`, `4 min`, `3 h 20 min`, `2 d 4 h`. */
export function formatMs(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 100_000) return `${Math.round(ms / 1_000)} s`;
  const minutes = Math.round(ms / 60_000);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
}

/** How long ago an RFC 3339 time was. */
export function ago(at: string, now: number): string {
  const ms = now - Date.parse(at);
  return ms < 1_000 ? "now" : `${formatMs(ms)} ago`;
}

/** How long until an RFC 3339 time; null where there is none, `over` once it has passed. */
export function left(at: string | null, now: number): string | null {
  if (at === null) return null;
  const ms = Date.parse(at) - now;
  return ms <= 0 ? "over" : formatMs(ms);
}

/** `1.2 kB` */
export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
