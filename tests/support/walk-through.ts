import { readFileSync } from "node:fs";

/** What a page of documentation has its reader do, in its order. */
export type Step =
  /** A command with what it is shown to print, line by line. */
  | { readonly kind: "command"; readonly command: string; readonly shown: readonly string[] }
  /** A file to be written as it stands. */
  | { readonly kind: "file"; readonly name: string; readonly text: string }
  /** Fields to be put into a contract of `policy.json`. */
  | { readonly kind: "contract"; readonly type: string; readonly text: string };

/** The steps of a Markdown page: its console blocks, and its JSON blocks that say what they are. */
export function stepsOf(page: URL): Step[] {
  const blocks = readFileSync(page, "utf8").matchAll(/^```(?<info>[^\n]*)\n(?<text>.*?)^```$/gmsu);
  return [...blocks].flatMap(({ groups }): Step[] => {
    const { info = "", text = "" } = groups ?? {};
    if (info === "console") return commandsOf(text);
    const what = /^json (?<kind>file|contract)=(?<name>\S+)$/u.exec(info)?.groups;
    if (what === undefined) return [];
    const { kind, name = "" } = what;
    return kind === "file" ? [{ kind, name, text }] : [{ kind: "contract", type: name, text }];
  });
}

function commandsOf(text: string): Step[] {
  const commands: { kind: "command"; command: string; shown: string[] }[] = [];
  for (const line of text.trimEnd().split("\n")) {
    if (line.startsWith("$ ")) commands.push({ kind: "command", command: line.slice(2), shown: [] });
    else commands.at(-1)?.shown.push(line);
  }
  return commands;
}

/** The first line of `shown` that is not among those of `printed`, after those before it; null where all are. `…` stands for anything. */
export function missingLine(shown: readonly string[], printed: string): string | null {
  const lines = printed.split("\n");
  let from = 0;
  for (const line of shown) {
    if (line.trim() === "…") continue;
    const pattern = new RegExp(`^${line.split("…").map(spaced).join(".*")}$`, "u");
    const found = lines.findIndex((one, index) => index >= from && pattern.test(one));
    if (found < 0) return line;
    from = found + 1;
  }
  return null;
}

/** Columns are as wide as what is in them, which is shortened on the page. */
const spaced = (text: string): string =>
  text
    .split(/ {2,}/u)
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/gu, "\\$&"))
    .join(" {2,}");
