import { createDecipheriv, createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { workspaceKeys } from "../../objects/at-rest.ts";
import { filesUnder, type Source } from "./scan.ts";

/**
 * What somebody reads who has taken the disk **and** the seal key away: everything sealed that can be found in the bytes of a store,
 * in rows, free pages and logs alike, opened with every key that is there to be had. It is carved out of the bytes as they are and
 * no tag is checked, so that half of a text is opened as well.
 */

/** `1:<iv>:<text>`, sealed with a data key, and `sealed:1:<key id>:<iv>:<text>`, sealed with the engine's own. */
const byDataKey = /(?<![0-9a-f:])1:([A-Za-z0-9_-]{16}):([A-Za-z0-9_-]{22,})/gu;
const bySealKey = /sealed:1:([0-9a-f]{16}):([A-Za-z0-9_-]{16}):([A-Za-z0-9_-]{22,})/gu;

/** AES-GCM without its tag: counter mode, from the second block on. */
function opened(key: Buffer, iv: string, text: string): Buffer {
  const counter = Buffer.concat([Buffer.from(iv, "base64url"), Buffer.from([0, 0, 0, 2])]);
  return createDecipheriv("aes-256-ctr", key, counter).update(Buffer.from(text, "base64url"));
}

export type Unsealed = { readonly sources: readonly Source[]; readonly texts: number; readonly keys: number };

/**
 * @param key base64, as HOLDPOINT_SEAL_KEY is.
 * @param what `rows`: what whoever opens the databases is given; `bytes`: what lies in the files as well, overwritten or not.
 */
export function unsealed(
  folder: string,
  { key: sealKey, workspace, what }: { key: string; workspace: string; what: "rows" | "bytes" },
): Unsealed {
  const own = Buffer.from(sealKey, "base64");
  const id = createHash("sha256").update("holdpoint seal key").update(own).digest("hex").slice(0, 16);
  const shared = workspaceKeys({ HOLDPOINT_SEAL_KEY: sealKey }, workspace, "board").map(fromText);
  const sources: Source[] = [];
  let texts = 0;
  let keys = 0;
  for (const group of databasesOf(folder)) {
    const files = what === "rows" ? [] : group.files.map((file) => file.bytes.toString("latin1"));
    const bytes = [...files, group.rows].join("\n");
    const wrapped = new Map<string, Buffer>();
    for (const [, by, iv = "", text = ""] of bytes.matchAll(bySealKey)) {
      if (by === id) wrapped.set(iv, opened(own, iv, text));
    }
    const dataKeys = [...wrapped.values()].flatMap((text) => {
      const [, key] = /^plain:([A-Za-z0-9_-]{43})/u.exec(text.toString("latin1")) ?? [];
      return key === undefined ? [] : [fromText(key)];
    });
    keys += dataKeys.length;
    const found: Buffer[] = [...wrapped.values()];
    for (const [, iv = "", text = ""] of bytes.matchAll(byDataKey)) {
      for (const key of [...dataKeys, ...shared]) found.push(opened(key, iv, text));
      texts += 1;
    }
    // Apart, so that the end of one and the beginning of the next are never taken for a text.
    const apart = found.flatMap((text) => [text, Buffer.from([0])]);
    if (apart.length > 0) sources.push({ name: `${group.name} (unsealed)`, bytes: Buffer.concat(apart) });
  }
  return { sources, texts, keys };
}

const fromText = (key: string): Buffer => Buffer.from(key, "base64url");

type Database = { readonly name: string; readonly files: readonly Source[]; readonly rows: string };

/** The files of each database together, with every text of its rows: a row that is longer than a page lies in pieces. */
function databasesOf(folder: string): Database[] {
  const files = filesUnder(folder);
  const groups = Map.groupBy(files, ({ name }) => name.replace(/-(?:wal|shm|journal)$/u, ""));
  return [...groups].map(([name, parts]) => ({ name, files: parts, rows: rowsOf(join(folder, name)) }));
}

/** Read from a copy: what a kill left in the log is put in order by whoever opens it. */
function rowsOf(path: string): string {
  if (!path.endsWith(".sqlite")) return "";
  const folder = mkdtempSync(join(tmpdir(), "holdpoint-copy-"));
  try {
    for (const end of ["", "-wal"]) {
      if (existsSync(`${path}${end}`)) copyFileSync(`${path}${end}`, join(folder, `copy${end}`));
    }
    const database = new DatabaseSync(join(folder, "copy"));
    try {
      const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
      return tables
        .map(({ name }) => {
          const all = database.prepare(`SELECT * FROM "${String(name)}"`);
          all.setReadBigInts(true);
          return all.all();
        })
        .map((rows) =>
          JSON.stringify(rows.map((row) => Object.values(row).filter((one) => typeof one === "string"))),
        )
        .join("\n");
    } finally {
      database.close();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
