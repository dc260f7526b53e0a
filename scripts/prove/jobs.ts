import { filesOf, seedVariable, wantedOf, type Extent, type Part } from "./part.ts";

/** One process: a file or a program of a part, or one shard of it. */
export type Job = {
  readonly part: Part;
  readonly label: string;
  /** Arguments for vitest, or a program with its own. */
  readonly runs: { readonly vitest: readonly string[] } | { readonly command: readonly string[] };
  readonly env: Readonly<Record<string, string>>;
};

/** Every seed fits into 31 bits: campaigns shift and multiply them. */
const seedLimit = 2 ** 31;

/** @param seed of the first shard; the others count on from it. */
export function jobsOf(part: Part, extent: Extent, seed: number): Job[] {
  const wanted = wantedOf(part, extent);
  if (wanted === null) return [];
  const shards = extent === "quick" ? 1 : (part.shards ?? 1);
  return Array.from({ length: shards }, (_, shard): Job[] => {
    const env = {
      ...part.env,
      ...(part.size !== null && { [part.size]: String(Math.ceil(wanted / shards)) }),
      [seedVariable]: String((seed + shard) % seedLimit),
    };
    const suffix = shards === 1 ? "" : ` ${shard + 1}/${shards}`;
    if ("command" in part.runs) {
      const { command } = part.runs;
      const whole = { part, label: `${part.name}${suffix}`, runs: { command }, env };
      if (part.each === undefined) return [whole];
      return part.each.map((one) => ({
        ...whole,
        label: `${part.name}: ${one}${suffix}`,
        runs: { command: [...command, one] },
      }));
    }
    return filesOf(part).map((file) => ({
      part,
      label: `${part.name}: ${file.replace(/^tests\//u, "").replace(/\.test\.ts$/u, "")}${suffix}`,
      runs: { vitest: ["run", "--project", projectOf(file), file] },
      env,
    }));
  }).flat();
}

/** The vitest project that a file belongs to (vitest.config.ts). */
function projectOf(file: string): string {
  const folder = file.split("/")[1] ?? "";
  return folder === "model" ? "unit" : folder;
}
