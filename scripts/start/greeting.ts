import { styleText } from "node:util";
import type { DevFile } from "./state.ts";

/**
 * What a person reads when the engine is up: where it is, who they can be, and what to type next.
 * Colours on a terminal only. `isDefault`: the state folder is the one the command line looks into by itself.
 */
export function greeting(
  { url, keys }: DevFile,
  where: { devFile: string; isDefault: boolean; signIn: string; warning: string | null },
): string {
  const key = (name: string): string => keys[name] ?? "…";
  const as = (name: string): string =>
    where.isDefault ? "" : `HOLDPOINT_URL=${url} HOLDPOINT_KEY=${key(name)} `;
  const bob = where.isDefault ? " --as person:bob" : "";
  return `
${bold(`Holdpoint is running at ${url}`)}
Ctrl-C stops it; what it knows stays on disk.
${where.warning === null ? "" : `\n${styleText(["yellow", "bold"], `! ${where.warning}`)}\n`}
${bold("Ask, as an agent")}, in a second terminal:
  ${as("agent:demo")}npx holdpoint run --type host.shell --target prod-db-1 --reason "which kernel is it?" -- uname -a

${bold("Decide, as a reviewer")}, on the page. This link signs bob in, once, within five minutes:
  ${where.signIn}
Another one: ${as("person:bob")}npx holdpoint sign-in${bob}

Or in a third terminal. Keys for alice, bob, carol and omar are in ${where.devFile}:
  ${as("person:bob")}npx holdpoint queue${bob}
  ${as("person:bob")}npx holdpoint approve ID${bob}

${bold("An agent of your own")} needs these:
  export HOLDPOINT_URL=${url} HOLDPOINT_KEY=${key("agent:demo")}
`;
}

function bold(text: string): string {
  return styleText("bold", text);
}
