import { lintSource } from "@secretlint/core";
import { secretLintProfiler } from "@secretlint/profiler";
import { rules } from "@secretlint/secretlint-rule-preset-recommend";
import type { Span } from "../../core/secrets/span.ts";

// It keeps an entry of every rule that it has asked for as long as the isolate lives, and nobody reads them.
secretLintProfiler.setEnabled(false);

/** Its rule for comments lets a text say that nothing is to be looked for in it: what is looked at says nothing of that here. */
const looking = rules.filter(({ meta }) => meta.id !== "@secretlint/secretlint-rule-filter-comments");
const options = {
  noPhysicFilePath: true,
  config: { rules: looking.map((rule) => ({ id: rule.meta.id, rule, options: {} })) },
};

/** What the published rules of secretlint know in the texts, by the position of the text. All are read as one, which is one reading. */
export async function knownIn(texts: readonly string[]): Promise<Map<number, Span[]>> {
  const content = texts.join("\n");
  const source = { filePath: "request", content, ext: "", contentType: "text" } as const;
  const { messages } = await lintSource({ source, options });
  const found = new Map<number, Span[]>();
  const sorted = messages.toSorted((a, b) => a.range[0] - b.range[0]);
  let from = 0;
  let first = 0;
  for (const { range, ruleId } of sorted) {
    const [start, end] = range;
    while (first < texts.length && from + (texts[first] ?? "").length < start) {
      from += (texts[first] ?? "").length + 1;
      first += 1;
    }
    const kind = ruleId.replace("@secretlint/secretlint-rule-", "");
    // What goes over the end of a text is taken out of each that it is in.
    for (let index = first, at = from; index < texts.length && at < end; index += 1) {
      const { length } = texts[index] ?? "";
      const span = { start: Math.max(0, start - at), end: Math.min(length, end - at), kind };
      if (span.end > span.start) found.set(index, [...(found.get(index) ?? []), span]);
      at += length + 1;
    }
  }
  return found;
}
