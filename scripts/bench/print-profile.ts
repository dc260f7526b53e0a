import { styleText } from "node:util";
import type { Profile } from "./profile/measure.ts";
import { short } from "./plot.ts";
import { table } from "./table.ts";

const roomsShown = 12;

/** What a life costs the engine beside the floor: processor time, syncs, and by folder the time of its own functions. */
export function profilePart(profiles: readonly Profile[]): string {
  const rows: [string, (profile: Profile) => string][] = [
    ["completed a second", ({ perSecond }) => short(perSecond)],
    ["processor, ms a life", ({ processorMs }) => known(processorMs)],
    ["syncs to the disk a life", ({ syncs }) => known(summed(syncs))],
    ...namesOf(profiles.map(({ syncs }) => Object.keys(syncs ?? {}))).map((name): (typeof rows)[number] => [
      `  ${name}`,
      ({ syncs }) => known(syncs?.[name] ?? 0),
    ]),
    ...namesOf(profiles.map(({ rooms }) => rooms.slice(0, roomsShown).map(({ room }) => room))).map(
      (name): (typeof rows)[number] => [
        `in ${name}, ms a life`,
        ({ rooms }) => known(rooms.find(({ room }) => room === name)?.ms ?? 0),
      ],
    ),
  ];
  return [
    styleText("bold", `Where the time of a life goes: plain workerd, ${profiles[0]?.clients ?? 0} clients`),
    table(
      ["", ...profiles.map(({ subject }) => subject)],
      rows.map(([name, cell]) => [name, ...profiles.map(cell)]),
    ),
    `Syncs as strace counts them, and none where there is no strace. The lines from "in" on are V8's samples of functions
themselves, without those that they call; while it samples each life takes longer, and a sync that a call waits for is in it.`,
  ].join("\n");
}

const namesOf = (lists: readonly (readonly string[])[]): string[] => [...new Set(lists.flat())];

const known = (value: number | null | undefined): string =>
  value === undefined || value === null ? "?" : short(value);
const summed = (syncs: Profile["syncs"]): number | null =>
  syncs === null ? null : Object.values(syncs).reduce((sum, count) => sum + count, 0);
