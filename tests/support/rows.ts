import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/**
 * Every row of every object of these classes, as they lie on disk beside a running engine: `Class/object table` to the rows as text.
 * Two of them are equal where nothing was written in between.
 */
export function rowsOnDisk(stateDir: string, classes: readonly string[]): Record<string, string> {
  const rows: Record<string, string> = {};
  for (const name of classes) {
    const folder = join(stateDir, "storage", "v3", "do", `holdpoint-${name}`);
    if (!existsSync(folder)) continue;
    for (const file of readdirSync(folder).filter((one) => one.endsWith(".sqlite"))) {
      for (const [table, text] of read(join(folder, file))) rows[`${name}/${file} ${table}`] = text;
    }
  }
  return rows;
}

/** When the next alarm of an object of the class is due (epoch ms); Infinity where none is set. */
export function nextAlarm(stateDir: string, name: string): number {
  const path = join(stateDir, "storage", "v3", "do", `holdpoint-${name}`, "metadata.sqlite");
  const times = read(path).flatMap(([table, rows]) =>
    table === "_cf_ALARM" ? (JSON.parse(rows) as { scheduled_time: string }[]) : [],
  );
  return Math.min(...times.map(({ scheduled_time: at }) => Number(at) / 1e6));
}

/** The names of the tables that are not the same in both. */
export function changedIn(before: Record<string, string>, after: Record<string, string>): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => before[name] !== after[name],
  );
}

/** Read from a copy: what is in the write-ahead log may have to be recovered first, and the file is the engine's. */
function read(path: string): [table: string, rows: string][] {
  const folder = mkdtempSync(join(tmpdir(), "holdpoint-copy-"));
  try {
    for (const end of ["", "-wal"]) {
      if (existsSync(`${path}${end}`)) copyFileSync(`${path}${end}`, join(folder, `copy${end}`));
    }
    const database = new DatabaseSync(join(folder, "copy"));
    try {
      const tables = database
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN (?, ?)")
        // What the runtime notes for itself, of an object that was only asked too.
        .all("_cf_METADATA", "__miniflare_do_name");
      return tables.map(({ name }) => {
        const table = String(name);
        const all = database.prepare(`SELECT * FROM "${table}"`);
        // The time of an alarm is in nanoseconds, which no number of ours holds.
        all.setReadBigInts(true);
        const asText = (_: string, value: unknown): unknown =>
          typeof value === "bigint" ? String(value) : value;
        return [table, JSON.stringify(all.all(), asText)];
      });
    } finally {
      database.close();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
