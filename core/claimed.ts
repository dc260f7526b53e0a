/** What is looked at of an action's log: when each thing happened (RFC 3339) and what it was. */
type Logged = { readonly type: string; readonly at: string };

const ends: ReadonlySet<string> = new Set([
  "lease_lost",
  "executed",
  "failed",
  "rolled_back",
  "rollback_failed",
]);

/** Clocks of two systems may be this far apart, and an effect is often noted a little after it happened. */
export const clocksApartMs = 60_000;

/** Whether somebody held a claim on the action at `at` (epoch ms), by its log from the first event on. */
export function wasClaimedAt(log: readonly Logged[], at: number): boolean {
  let since: number | null = null;
  for (const { type, at: text } of log) {
    const moment = Date.parse(text);
    if (type === "claimed" || type === "rollback_claimed") since ??= moment;
    if (since === null || !ends.has(type)) continue;
    if (at >= since - clocksApartMs && at < moment + clocksApartMs) return true;
    since = null;
  }
  return since !== null && at >= since - clocksApartMs;
}
