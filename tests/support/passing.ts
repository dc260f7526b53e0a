import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { ActionView } from "../../schemas/action.ts";
import type { Checkpoint } from "../../schemas/ledger.ts";
import type { PolicyInput } from "../../schemas/policy.ts";
import { Agent, contractOf, Operator, type Person, withContracts } from "./actors.ts";
import { Caller } from "./caller.ts";
import { fromDatabase } from "./disk.ts";
import type { KeptCheckpoint } from "./evidence-record.ts";

/** Workspaces that are there to be forgotten, and what is left of them on disk. */

/** A type, a person and a name that nothing but these workspaces has. */
const type = "passing.life";
const second = "ola";
export const tracesOf = (name: string): string[] => [type, `person:${second}`, `"workspace":"${name}"`];

/** A workspace with two operators, who have asked for its end: the first has, the second has not agreed yet. */
export type Passing = {
  readonly name: string;
  /** Every action that was ever asked for in it, the one that it ends by among them. */
  readonly actions: readonly string[];
  readonly end: ActionView;
  readonly other: Person;
  readonly kept: KeptCheckpoint;
};

type Engine = { readonly url: string; readonly stateDir: string };

/**
 * Makes one, with so many actions in it: half of them still wait, half are over. The log has seen each, but for the last `untold`, whose news a
 * kill may find on its way.
 */
export async function passingWorkspace(
  { url, stateDir }: Engine,
  { name, policy, actions, untold }: { name: string; policy: PolicyInput; actions: number; untold: number },
): Promise<Passing> {
  const token = readFileSync(join(stateDir, "setup-token"), "utf8").trim();
  const setup = new Caller("setup", url, token);
  const { key } = await setup.post<{ key: string }>("/v1/workspaces", { name });
  const operator = new Operator("service:operator", url, key);
  const first = await operator.hires("omar", "operators");
  await operator.seats("oncall", "omar");
  await operator.hires("rosa");
  const agent = { owner: "person:rosa", roles: ["controlled-remediation"], segments: ["prod-hosts"] };
  await operator.put("/v1/agents/demo", agent);
  const demo = new Agent("agent:demo", url, await operator.givesKey("agent:demo"));
  // Nothing but the one type: whoever the others of the policy ask for is not here.
  const contracts = [contractOf(type, {})];
  await operator.post("/v1/policy", { document: { ...withContracts(policy, contracts), contracts } });
  const other = await operator.hires(second, "operators");
  const ids: string[] = [];
  for (let count = 0; count < actions; count += 1) {
    const asked = await demo.asks({ type, context: { count } });
    ids.push(asked.id);
    if (count % 2 === 0) await demo.cancels(asked);
    if (count < actions - untold) await operator.get(`/v1/actions/${asked.id}/evidence`);
  }
  const end = await first.post<ActionView>("/v1/workspace/purge", { confirm: name, reason: "It is over" });
  const { checkpoint } = await operator.get<{ checkpoint: Checkpoint }>("/v1/evidence?limit=1");
  return { name, actions: [...ids, end.id], end, other, kept: checkpoint };
}

/** The store of one object on disk: the rows of its tables as text. */
export type DiskStore = {
  readonly kind: string;
  readonly tables: Readonly<Record<string, readonly string[]>>;
};

const kinds = ["Action", "Board", "Registry"] as const;

/** The store of every object but the logs; beside a running engine, or after a kill. Those that nothing was written to are left out. */
export function storesOnDisk(stateDir: string): DiskStore[] {
  return kinds.flatMap((kind) => {
    const folder = join(stateDir, "storage", "v3", "do", `holdpoint-${kind}`);
    const names = readdirSync(folder).filter(
      (name) => name.endsWith(".sqlite") && !name.startsWith("metadata"),
    );
    const stores = names.map((name) => ({ kind, tables: tablesIn(join(folder, name)) }));
    return stores.filter(({ tables }) => Object.keys(tables).length > 0);
  });
}

function tablesIn(path: string): DiskStore["tables"] {
  return fromDatabase(path, (database) => {
    database.exec("BEGIN");
    const names = database
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
      .all()
      .map(({ name }) => String(name))
      // What SQLite, workerd and its local runner keep for themselves.
      .filter((name) => !/^(?:sqlite_|_cf_|__miniflare_)/u.test(name));
    const rowsOf = (name: string): string[] =>
      database
        .prepare(`SELECT * FROM "${name}"`)
        .all()
        .map((row) => JSON.stringify(row));
    return Object.fromEntries(names.map((name) => [name, rowsOf(name)]));
  });
}

/** What of forgotten workspaces is left that should not be, and what was left out: of `count` of them with all these actions. */
export function halfForgotten(
  stores: readonly DiskStore[],
  { count, actions, traces }: { count: number; actions: number; traces: readonly string[] },
): string[] {
  const faults: string[] = [];
  for (const { kind, tables } of stores) {
    const isForgotten = Object.hasOwn(tables, "purged") && (tables["purged"]?.length ?? 0) > 0;
    for (const [name, rows] of Object.entries(tables)) {
      const own = name === "purged" || name === "_migrations";
      if (isForgotten && !own && (kind === "Action" || rows.length > 0)) {
        faults.push(`half-purge: ${kind}: ${name} with ${rows.length} rows beside the note that all is gone`);
      }
      const trace = rows.find((row) => traces.some((one) => row.includes(one) || row.includes(escaped(one))));
      if (trace !== undefined) faults.push(`half-purge: ${kind}: ${name} still has ${trace.slice(0, 200)}`);
    }
  }
  const forgotten = (kind: string): number =>
    stores.filter((store) => store.kind === kind && (store.tables["purged"]?.length ?? 0) > 0).length;
  if (forgotten("Action") !== actions) {
    faults.push(`half-purge: ${forgotten("Action")} of ${actions} actions have the note that they are gone`);
  }
  if (forgotten("Board") !== count) {
    faults.push(`half-purge: ${forgotten("Board")} of ${count} Boards are empty`);
  }
  return faults;
}

const escaped = (text: string): string => JSON.stringify(text).slice(1, -1);
