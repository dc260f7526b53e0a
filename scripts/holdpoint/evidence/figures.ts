import { join } from "node:path";
import type { Client } from "../../../client/index.ts";
import { HoldpointError } from "../../../client/index.ts";
import { visible } from "../../../core/card/visible.ts";
import type { EvidenceFigures } from "../../../schemas/evidence-figures.ts";
import { csvRow, type Cell } from "../render/csv.ts";
import { writeWhole } from "./files.ts";

/** The engine's own count of what is kept, what was let go of in time, and who reads, beside the evidence in an export. */

/**
 * Writes `figures.json`, `retention.csv` and `reads.csv`. They are the engine's word at this moment, of the whole workspace.
 * @returns false, with nothing written, where the key may not read figures (`metrics:read`)
 */
export async function writeFigures(client: Client, folder: string): Promise<boolean> {
  const figures = await figuresOf(client);
  if (figures === null) return false;
  writeWhole(join(folder, "figures.json"), `${JSON.stringify(figures, null, 2)}\n`);
  writeWhole(join(folder, "retention.csv"), tableOf(retentionHead, retentionRows(figures)));
  writeWhole(join(folder, "reads.csv"), tableOf(readsHead, readsRows(figures)));
  return true;
}

async function figuresOf(client: Client): Promise<EvidenceFigures | null> {
  try {
    return (await client.metrics()).evidence ?? null;
  } catch (error) {
    if (error instanceof HoldpointError && error.code === "forbidden") return null;
    throw error;
  }
}

const tableOf = (head: readonly string[], rows: readonly Cell[][]): string =>
  [head, ...rows].map((row) => csvRow(row)).join("");

const retentionHead = [
  "class",
  "due",
  "gone",
  "late",
  "held",
  "early",
  "asked",
  "success_rate",
  "tolerance_ms",
  "oldest_overdue_ms",
  "bytes_held",
];

const retentionRows = ({ retention, held }: EvidenceFigures): Cell[][] =>
  retention.map((one) => [
    one.class,
    one.due,
    one.done,
    one.late,
    one.held,
    one.early,
    one.asked,
    one.successRate,
    one.toleranceMs,
    one.oldestOverdueMs,
    held.reduce((sum, { class: name, bytes }) => sum + (name === one.class ? bytes : 0), 0),
  ]);

const readsHead = ["principal", "route", "allowed", "refused", "since"];

const readsRows = ({ reads }: EvidenceFigures): Cell[][] =>
  reads.map(({ principal, route, allowed, refused, since }) => [
    visible(principal),
    visible(route),
    allowed,
    refused,
    since,
  ]);
