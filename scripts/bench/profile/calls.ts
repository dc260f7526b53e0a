import { SourceMap, type SourceMapPayload } from "node:module";
import type { Samples } from "./sampler.ts";

/** A function and the file it is in; no file for what the runtime does itself. */
export type Place = { readonly name: string; readonly file: string | null };

/** Calls as a tree, those of the same place on the same way as one; `us` with everything that they call. */
export type Calls = Place & { readonly us: number; readonly calls: readonly Calls[] };

type Where = (line: number, column: number) => string | null;

/** What the runtime says when it waits for something to do. */
const idle = new Set(["(idle)"]);

/** The samples as one tree, without the time in which nothing was done. `where`: the file of a place in what was sampled. */
export function callsOf({ nodes, samples, timeDeltas }: Samples, where: Where): Calls {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const own = new Map<number, number>();
  for (const [index, id] of samples.entries()) own.set(id, (own.get(id) ?? 0) + (timeDeltas[index] ?? 0));
  const merged = (ids: readonly number[]): Calls[] => {
    const groups = Map.groupBy(
      ids.flatMap((id) => byId.get(id) ?? []).filter(({ callFrame }) => !idle.has(callFrame.functionName)),
      ({ callFrame: { functionName, lineNumber, columnNumber } }) =>
        `${functionName}:${lineNumber}:${columnNumber}`,
    );
    return [...groups.values()].flatMap((same) => {
      const [first] = same;
      if (first === undefined) return [];
      const { functionName, lineNumber, columnNumber } = first.callFrame;
      const calls = merged(same.flatMap(({ children }) => children));
      const us = sum(same.map(({ id }) => own.get(id) ?? 0)) + sum(calls.map(({ us: inside }) => inside));
      return us === 0
        ? []
        : [{ name: functionName || "(anonymous)", file: where(lineNumber, columnNumber), us, calls }];
    });
  };
  const called = new Set(nodes.flatMap(({ children }) => children));
  const roots = nodes.filter(({ id }) => !called.has(id));
  const calls = merged(roots.flatMap(({ children }) => children));
  return { name: "all", file: null, us: sum(calls.map(({ us }) => us)), calls };
}

/** Room by room what was done in its own functions, in µs, the most first. */
export function byRoom(calls: Calls): { readonly room: string; readonly us: number }[] {
  const found = new Map<string, number>();
  const add = (call: Calls): void => {
    const room = roomOf(call.file);
    found.set(room, (found.get(room) ?? 0) + call.us - sum(call.calls.map(({ us }) => us)));
    call.calls.forEach(add);
  };
  calls.calls.forEach(add);
  return [...found].map(([room, us]) => ({ room, us })).toSorted((a, b) => b.us - a.us);
}

/** The folder of ours that a file is in, two deep; what is not ours is a library's, and what has no file the runtime's. */
export function roomOf(file: string | null): string {
  if (file === null) return "workerd and V8";
  if (file.includes("node_modules/")) return "libraries";
  return file.split("/").slice(0, -1).slice(0, 2).join("/");
}

/** Where in the sources a place of a bundle was; null where it is nobody's. `root`: the folder of the project, with a slash at its end. */
export function placesIn(map: SourceMapPayload, folder: string, root: string): Where {
  const sources = new SourceMap(map);
  return (line, column) => {
    if (line < 0) return null;
    const entry = sources.findEntry(line, column);
    if (!("originalSource" in entry)) return null;
    return new URL(entry.originalSource, `file://${folder}/`).pathname.replace(root, "");
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
