import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import * as v from "valibot";
import type { Part } from "./part.ts";
import { page, type Row } from "./print.ts";
import { root } from "./process.ts";

/** The last whole run of each part, as data; `docs/proof.md` is made from it. */
const data = join(root, "docs", "proof.json");
const text = join(root, "docs", "proof.md");

const Kept = v.record(
  v.string(),
  v.object({
    score: v.object({
      part: v.string(),
      proves: v.string(),
      unit: v.string(),
      trials: v.number(),
      wanted: v.number(),
      violations: v.number(),
      controls: v.object({ found: v.number(), of: v.number() }),
      seed: v.nullable(v.number()),
      seconds: v.number(),
      notes: v.array(v.string()),
      faults: v.array(v.string()),
    }),
    setting: v.object({
      date: v.string(),
      commit: v.nullable(v.string()),
      processors: v.number(),
      node: v.string(),
      seed: v.number(),
      extent: v.picklist(["quick", "whole"]),
      minutes: v.number(),
    }),
  }),
);

/** Puts what was proven in the place of what was kept of these parts. @returns the page's path in the project */
export function keep(rows: readonly Row[], parts: readonly Part[]): string {
  const before: Readonly<Record<string, Row>> = existsSync(data)
    ? v.parse(Kept, JSON.parse(readFileSync(data, "utf8")))
    : {};
  const all = { ...before, ...Object.fromEntries(rows.map((row) => [row.score.part, row])) };
  // In the order of the table, and without what it has no more.
  const kept = parts.flatMap(({ name }) => (all[name] === undefined ? [] : [[name, all[name]] as const]));
  const missing = parts.filter(({ name }) => all[name] === undefined).map(({ name }) => name);
  writeFileSync(data, JSON.stringify(Object.fromEntries(kept), null, 2));
  writeFileSync(
    text,
    page(
      kept.map(([, row]) => row),
      missing,
    ),
  );
  // Both are held to the same form as everything else.
  spawnSync(join(root, "node_modules", ".bin", "oxfmt"), [data, text], { cwd: root });
  return relative(root, text);
}
