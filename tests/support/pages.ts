import { readdirSync, readFileSync } from "node:fs";

/** What pages of documentation name, so that tests can look whether it is there. */

const root = new URL("../../", import.meta.url);

/** A file of the project as text; `path` is from its root. */
export const fileText = (path: string): string => readFileSync(new URL(path, root), "utf8");

/** The files below a folder whose names end so, by their paths from the project's root. */
export function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: "utf8" })
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(ending))
    .toSorted();
}

/** The fenced blocks of a page, by what stands after the fence. */
export function blocksOf(page: string): { info: string; text: string }[] {
  return [...page.matchAll(/^```(?<info>[^\n]*)\n(?<text>.*?)^```$/gmsu)].map(({ groups }) => ({
    info: groups?.["info"] ?? "",
    text: groups?.["text"] ?? "",
  }));
}

/** What stands between backticks in the running text of a page, and every line of its blocks for a shell. */
export function codeOf(page: string): string[] {
  const blocks = blocksOf(page).filter(({ info }) => /^(?:sh|console)\b/u.test(info));
  const lines = blocks.flatMap(({ text }) => joined(text).split("\n"));
  const running = page.replaceAll(/^```.*?^```$/gmsu, "");
  const spans = [...running.matchAll(/(?<!`)`(?<code>[^`\n]+)`(?!`)/gu)].map((one) => one[1] ?? "");
  return [...lines, ...spans].map((one) => one.trim()).filter((one) => one !== "");
}

/** Lines that go on in the next one are one line. */
const joined = (text: string): string => text.replaceAll(/\\\n\s*/gu, " ");

/** A heading of this depth with what follows it up to the next one of its depth or above. */
export function sectionsOf(page: string, depth: number): { title: string; text: string }[] {
  const parts = page.split(new RegExp(`^(?=#{1,${depth}} )`, "mu"));
  const mark = `${"#".repeat(depth)} `;
  return parts.flatMap((part) => {
    if (!part.startsWith(mark)) return [];
    const [first = "", ...rest] = part.split("\n");
    return [{ title: first.slice(mark.length).trim(), text: rest.join("\n") }];
  });
}

/** Every title that a describe, test or it of the tests has, with its file. A title that is put together is as it stands in the source. */
export function testTitles(): { file: string; title: string }[] {
  const call =
    /\b(?:describe|test|it)(?:\.\w+)*(?:\((?:[^()"'`]|\([^()]*\))*\))?\(\s*(["'`])(?<title>(?:(?!\1)[^\\]|\\.)*)\1/gu;
  return filesBelow("tests", ".test.ts").flatMap((file) =>
    [...fileText(file).matchAll(call)].map(({ groups }) => ({
      file,
      title: (groups?.["title"] ?? "").replaceAll(/\\(?<one>.)/gu, "$<one>"),
    })),
  );
}
