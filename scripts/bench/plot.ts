// Charts as SVG text, for documents that are read in the light and in the dark.

export type Scale = "linear" | "log";

export type Bars = {
  readonly title: string;
  /** What the axis counts, with its unit. */
  readonly axis: string;
  readonly scale: Scale;
  readonly series: readonly string[];
  /** One value for each series; NaN leaves a gap. */
  readonly groups: readonly { readonly label: string; readonly values: readonly number[] }[];
};

export type Lines = {
  readonly title: string;
  readonly axis: string;
  readonly scale: Scale;
  /** The places along the bottom, evenly apart: their distance means nothing. */
  readonly places: readonly string[];
  readonly across: string;
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[];
};

const style = `text{font:12px system-ui,sans-serif;fill:#1f2328}.title{font-size:15px;font-weight:600}.faint{fill:#59636e}
.grid{stroke:#d1d9e0}.ground{fill:#ffffff}.s0{--c:#0969da}.s1{--c:#bc4c00}.s2{--c:#1a7f37}.s3{--c:#8250df}
rect.s{fill:var(--c)}path.s{stroke:var(--c);fill:none;stroke-width:2}circle.s{fill:var(--c)}.dash{stroke-dasharray:5 4}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.faint{fill:#9198a1}.grid{stroke:#3d444d}.ground{fill:#0d1117}
.s0{--c:#4493f8}.s1{--c:#db6d28}.s2{--c:#3fb950}.s3{--c:#ab7df8}}`;

export const escaped = (words: string): string =>
  words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

const at = (value: number): string => String(Math.round(value * 10) / 10);

export function text(x: number, y: number, words: string, more = ""): string {
  return `<text x="${at(x)}" y="${at(y)}"${more}>${escaped(words)}</text>`;
}

const end = ' text-anchor="end"';
const middle = ' text-anchor="middle"';

/** Colours go round; from the fifth line on they are dashed. */
const classOf = (index: number): string => `s s${index % 4}${index >= 4 ? " dash" : ""}`;

/** A whole SVG: its title at the top, and what is drawn in it. */
export function picture(width: number, height: number, title: string, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">
<style>${style}</style>
<rect class="ground" width="${width}" height="${height}"/>
${text(16, 26, title, ' class="title"')}
${parts.filter((part) => part !== "").join("\n")}
</svg>
`;
}

/** Where the axis has a line, ascending, from its beginning to its end. */
export function ticksOf(values: readonly number[], scale: Scale): number[] {
  const known = values.filter((value) => Number.isFinite(value) && (scale === "linear" || value > 0));
  const [low, high] = [Math.min(...known), Math.max(...known)];
  if (known.length === 0) return scale === "log" ? [1, 10] : [0, 1];
  if (scale === "log") {
    const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
    return Array.from({ length: Math.max(to - from, 1) + 1 }, (_, index) => 10 ** (from + index));
  }
  const rough = (high > 0 ? high : 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  return Array.from({ length: Math.ceil((high > 0 ? high : 1) / step) + 1 }, (_, index) => index * step);
}

/** The share of the axis, 0 to 1, at which a value lies. */
export function shareOf(value: number, ticks: readonly number[], scale: Scale): number {
  const [first = 0, last = 1] = [ticks[0], ticks.at(-1)];
  if (scale === "linear") return value / last;
  return Math.log10(value / first) / Math.log10(last / first);
}

/** Three figures that count, and no zeros after them. */
export function short(value: number): string {
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return Number(value.toFixed(digits)).toLocaleString("en");
}

function legend(names: readonly string[], x: number, y: number): string {
  let left = x;
  return names
    .map((name, index) => {
      const mark = `<rect class="${classOf(index)}" x="${at(left)}" y="${y - 9}" width="10" height="10"/>`;
      const words = text(left + 15, y, name);
      left += 34 + name.length * 6.6;
      return mark + words;
    })
    .join("");
}

const bar = 13;

/** Bars that lie, in groups: for each of many names a few figures. */
export function barChart({ title, axis, scale, series, groups }: Bars): string {
  const width = 860;
  const [left, right, top] = [210, 70, 66];
  const groupHeight = series.length * (bar + 2) + 12;
  const bottom = top + groups.length * groupHeight;
  const ticks = ticksOf(
    groups.flatMap(({ values }) => values),
    scale,
  );
  const x = (value: number): number => left + shareOf(value, ticks, scale) * (width - left - right);
  const grid = ticks.map(
    (tick) =>
      `<line class="grid" x1="${at(x(tick))}" x2="${at(x(tick))}" y1="${top - 6}" y2="${bottom}"/>${text(x(tick), bottom + 17, short(tick), `${middle} class="faint"`)}`,
  );
  const drawn = groups.flatMap(({ label, values }, group) => {
    const y = top + group * groupHeight;
    const name = text(left - 10, y + (series.length * (bar + 2)) / 2 + 4, label, end);
    const bars = values.map((value, index) => {
      if (!Number.isFinite(value) || (scale === "log" && value <= 0)) return "";
      const from = y + index * (bar + 2);
      const long = at(Math.max(x(value) - left, 1));
      return `<rect class="${classOf(index)}" x="${left}" y="${from}" width="${long}" height="${bar}"/>${text(x(value) + 5, from + 11, short(value), ' class="faint"')}`;
    });
    return [name, ...bars];
  });
  const under = text(left, bottom + 37, scale === "log" ? `${axis}, logarithmic` : axis, ' class="faint"');
  return picture(width, bottom + 50, title, [legend(series, 16, 48), ...grid, ...drawn, under]);
}

/** Lines over places that are evenly apart. */
export function lineChart({ title, axis, scale, places, across, series }: Lines): string {
  const [width, height] = [860, 420];
  const [left, right, top, bottom] = [70, 30, 84, 356];
  const ticks = ticksOf(
    series.flatMap(({ values }) => values),
    scale,
  );
  const y = (value: number): number => bottom - shareOf(value, ticks, scale) * (bottom - top);
  const x = (place: number): number =>
    left + ((place + 0.5) / Math.max(places.length, 1)) * (width - left - right);
  const grid = ticks.map(
    (tick) =>
      `<line class="grid" x1="${left}" x2="${width - right}" y1="${at(y(tick))}" y2="${at(y(tick))}"/>${text(left - 8, y(tick) + 4, short(tick), `${end} class="faint"`)}`,
  );
  const names = places.map((place, index) => text(x(index), bottom + 20, place, middle));
  const drawn = series.map(({ values }, index) => {
    const points = values
      .map((value, place) => ({ value, place }))
      .filter(({ value }) => Number.isFinite(value) && (scale === "linear" || value > 0))
      .map(({ value, place }) => [at(x(place)), at(y(value))] as const);
    const dots = points.map(
      ([cx, cy]) => `<circle class="${classOf(index)}" cx="${cx}" cy="${cy}" r="3.5"/>`,
    );
    if (points.length === 0) return "";
    return `<path class="${classOf(index)}" d="M${points.map((point) => point.join(" ")).join("L")}"/>${dots.join("")}`;
  });
  const words = [
    text(left, top - 14, scale === "log" ? `${axis}, logarithmic` : axis, ' class="faint"'),
    text(width - right, bottom + 44, across, `${end} class="faint"`),
  ];
  const shown = series.map(({ name }) => name);
  return picture(width, height, title, [legend(shown, 16, 48), ...grid, ...names, ...drawn, ...words]);
}
