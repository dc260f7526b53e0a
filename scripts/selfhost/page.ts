import * as v from "valibot";

/** The page as it is served under plain workerd: a closed list of files, and the headers that go with them. */

/** One rule of a `_headers` file. */
const HeaderRule = v.object({ pattern: v.string(), headers: v.record(v.string(), v.string()) });

export const Page = v.object({
  /** Addresses that are the engine's: as they stand, or all that begin so where they end in `*`. */
  engineFirst: v.array(v.string()),
  /** Every file there is, by its address. Nothing else is ever asked of the disk. */
  files: v.record(v.string(), v.object({ type: v.string(), etag: v.string() })),
  rules: v.array(HeaderRule),
});
export type Page = v.InferOutput<typeof Page>;

/** What a browser's own addresses, such as /actions/…, are answered with. */
const fallback = "/index.html";

/** Where an address leads: to the engine, or to a file of the page. */
export function placeOf(
  pathname: string,
  { engineFirst, files }: Page,
): "engine" | { readonly file: string } {
  if (engineFirst.some((pattern) => fits(pattern, pathname))) return "engine";
  return { file: Object.hasOwn(files, pathname) ? pathname : fallback };
}

/** The headers that a file is sent with, in lower case; a later rule goes before an earlier one. */
export function headersOf(file: string, { files, rules }: Page): Record<string, string> {
  const known = Object.hasOwn(files, file) ? files[file] : undefined;
  const own = known === undefined ? {} : { "content-type": known.type, etag: known.etag };
  const ruled = rules.filter(({ pattern }) => fits(pattern, file)).map(({ headers }) => headers);
  // Asked for again each time, and then answered with 304 where it is still the same.
  return Object.assign({ "cache-control": "public, max-age=0, must-revalidate" }, own, ...ruled);
}

function fits(pattern: string, pathname: string): boolean {
  return pattern.endsWith("*") ? pathname.startsWith(pattern.slice(0, -1)) : pathname === pattern;
}

/**
 * The rules of a `_headers` file: an address at the margin, its headers indented below.
 * @throws Error naming the line that is something else; a header left out in silence would be a hole in the page's defence.
 */
export function parseHeaders(text: string): Page["rules"] {
  const rules: { pattern: string; headers: Record<string, string> }[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (/^\s*(?:#.*)?$/u.test(line)) continue;
    if (/^\/[^*:]*\*?\s*$/u.test(line)) {
      rules.push({ pattern: line.trim(), headers: {} });
      continue;
    }
    const { name = "", value = "" } = /^\s+(?<name>[\w-]+):\s*(?<value>.*\S)\s*$/u.exec(line)?.groups ?? {};
    const rule = rules.at(-1);
    if (name === "" || rule === undefined) {
      throw new Error(
        `_headers, line ${index + 1}: neither an address such as /assets/* nor a header of one`,
      );
    }
    rule.headers[name.toLowerCase()] = value;
  }
  return rules;
}

const types: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  ico: "image/x-icon",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  mjs: "text/javascript; charset=utf-8",
  png: "image/png",
  svg: "image/svg+xml",
  txt: "text/plain; charset=utf-8",
  woff2: "font/woff2",
};

/** The media type of a file by its ending. Sniffing is forbidden, so one that is not known is offered for download only. */
export function typeOf(file: string): string {
  return types[/\.(?<ending>\w+)$/u.exec(file)?.groups?.["ending"] ?? ""] ?? "application/octet-stream";
}
