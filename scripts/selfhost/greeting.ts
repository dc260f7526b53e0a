import { styleText } from "node:util";
import type { DevFile } from "../start/state.ts";

export type Standing = {
  readonly url: string;
  readonly folder: string;
  readonly setupTokenFile: string;
  /** The starter keys, where they were asked for. */
  readonly starter: { readonly file: DevFile; readonly path: string; readonly signIn: string } | null;
  readonly warnings: readonly string[];
};

/** What a person reads when the engine is up: where it is, where its data is, and how it is set up. Colours on a terminal only. */
export function greeting({ url, folder, setupTokenFile, starter, warnings }: Standing): string {
  const said = warnings.map((warning) => `\n${styleText(["yellow", "bold"], `! ${warning}`)}`).join("");
  return `
${bold(`Holdpoint is running at ${url}`)}
Its data is in ${folder}. Ctrl-C stops it; what it knows stays on disk.
${said === "" ? "" : `${said}\n`}${starter === null ? firstKey(url, setupTokenFile) : asPeople(starter)}`;
}

/** The token is never printed: what is printed ends up in a journal. */
const firstKey = (url: string, file: string): string => `
${bold("The first operator's key")}, where there is none yet. Whoever holds the set-up token owns the engine:
  curl -X POST ${url}/v1/workspaces -H "authorization: Bearer $(cat ${file})" \\
    -H "content-type: application/json" -d '{"name":"default"}'
Then people, groups and a policy: npx holdpoint --help
`;

const asPeople = ({ file, path, signIn }: NonNullable<Standing["starter"]>): string => `
${bold("To try it out")} there are keys for the starter people and agents in ${path}
  ${bold("on the page")}, as bob, once, within five minutes: ${signIn}
  ${bold("as an agent")}: HOLDPOINT_URL=${file.url} HOLDPOINT_KEY=${file.keys["agent:demo"] ?? "…"} npx holdpoint run --help
`;

function bold(text: string): string {
  return styleText("bold", text);
}
