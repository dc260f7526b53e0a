import { escaped, picture, short, text } from "../plot.ts";
import { type Calls, roomOf } from "./calls.ts";

const width = 1_200;
const row = 17;
const top = 58;
/** What is thinner than this, in pixels, is left out. */
const thinnest = 1;
const letter = 6.4;

/** Bars are light in the dark too, and what is written on them is dark. */
const style = `g text{font-size:11px;fill:#1f2328}
.c{fill:#ffb77c}.o{fill:#ffd33d}.h{fill:#a5d6a7}.w{fill:#9ecbff}.l{fill:#d1d5da}.r{fill:#eaecef}`;

/** A colour for each of our folders; libraries and the runtime are grey. */
const classes: Readonly<Record<string, string>> = {
  core: "c",
  objects: "o",
  schemas: "h",
  workers: "w",
};

/**
 * A flame graph as SVG: each bar a function, as wide as it took with all that it called, those standing on it. Widths are shares; the
 * title of a bar says its time in ms a life.
 */
export function flameGraph(title: string, calls: Calls, lives: number): string {
  const bars: string[] = [];
  let deepest = 0;
  const draw = (call: Calls, x: number, depth: number): void => {
    const wide = (call.us / calls.us) * (width - 20);
    if (wide < thinnest) return;
    deepest = Math.max(deepest, depth);
    bars.push(barOf(call, x, depth, wide, call.us / 1_000 / lives));
    let from = x;
    for (const next of call.calls.toSorted((a, b) => b.us - a.us)) {
      draw(next, from, depth + 1);
      from += (next.us / calls.us) * (width - 20);
    }
  };
  draw(calls, 10, 0);
  const height = top + (deepest + 1) * row + 12;
  const colours = text(
    16,
    44,
    "Orange: core. Yellow: objects. Green: schemas. Blue: workers. Grey: libraries, workerd and V8.",
  );
  return picture(width, height, title, [`<style>${style}</style>`, colours, ...bars]);
}

function barOf({ name, file }: Calls, x: number, depth: number, wide: number, ms: number): string {
  const y = top + depth * row;
  const room = roomOf(file);
  const kind = classes[room.split("/")[0] ?? ""] ?? (room === "libraries" ? "l" : "r");
  const letters = Math.floor((wide - 6) / letter);
  const words = letters < 3 ? "" : text(x + 3, y + 12, name.slice(0, letters));
  return `<g><title>${escaped(`${name}, ${file ?? room}: ${short(ms)} ms a life`)}</title><rect class="${kind}" x="${x.toFixed(1)}" y="${y}" width="${Math.max(wide - 0.5, 0.5).toFixed(1)}" height="${row - 1}"/>${words}</g>`;
}
