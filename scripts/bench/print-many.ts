import type { BoardLag, HotAction, HotWorkspace } from "./hot.ts";
import { fixed, kib, latencies, table } from "./table.ts";
import type { Waiting } from "./waiters.ts";

const waitingHead = [
  "waiters at once, WebSocket",
  "wanted",
  "held",
  "memory each",
  "dropped",
  "told p50/95/99, ms",
  "never told",
];

function waitingLine({ subject, wanted, held, memory, dropped, told, untold }: Waiting): string[] {
  const share = memory === null ? "?" : kib(memory);
  const sample = `${untold} of ${told.count + untold}`;
  return [subject, String(wanted), String(held), share, String(dropped), latencies(told), sample];
}

/** Of one way of running. */
export function waitingPart(lines: readonly Waiting[]): string {
  const short = lines.find(({ wanted, held }) => held < wanted);
  const drawn = table(waitingHead, lines.map(waitingLine));
  if (short === undefined) return drawn;
  const limit = short.descriptors === null ? "unknown" : String(short.descriptors);
  return `${drawn}\nFewer than wanted: a process may have ${limit} files and connections open (\`ulimit -n\`), or filling took too long.`;
}

const hotHead = ["votes on one action", "votes", "p50/95/99, ms", "/s", "first tenth p50", "last tenth p50"];

function hotLine({ subject, votes, first, last }: HotAction): string[] {
  const pace = fixed(votes.perSecond);
  return [subject, String(votes.count), latencies(votes), pace, fixed(first), fixed(last)];
}

export const hotActionPart = (lines: readonly HotAction[]): string => table(hotHead, lines.map(hotLine));

const workspaceHead = ["one workspace", "clients", "p50/95/99, ms", "/s"];

/** Of one way of running. */
export function hotWorkspacePart(lines: readonly HotWorkspace[], lags: readonly BoardLag[]): string {
  const drawn = table(
    workspaceHead,
    lines.map(({ what, clients, figures }) => [
      what,
      String(clients),
      latencies(figures),
      fixed(figures.perSecond),
    ]),
  );
  const behind = lags.map(
    ({ created, seconds }) =>
      `The Board showed the last of ${created} actions that 16 clients had created ${seconds.toFixed(2)} s after it was.`,
  );
  return [drawn, ...behind].filter((part) => part !== "").join("\n");
}
