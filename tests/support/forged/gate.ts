import { createHash } from "node:crypto";
import { variantOf, type Change } from "./variant.ts";
import { Storage } from "./sql.ts";

/** The product's way in: what answers a request, and the Registry that it asks. */
const entries = [
  "workers/http/serve.ts",
  "workers/known.ts",
  "workers/routes/session.ts",
  "workers/routes/board.ts",
  "workers/routes/engine.ts",
  "objects/registry/access.ts",
  "objects/registry/directory.ts",
] as const;

/** Where the engine is, as browsers see it. */
export const origin = "https://holdpoint.example";
/** When everything happens, unless it says otherwise (epoch ms). */
export const now = 1_800_000_000_000;

/** A request, by whoever may be behind it. */
export type Sent = {
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly method?: string;
  readonly path?: string;
  readonly body?: string;
};

type Ok<Value> = { ok: true; value: Value } | { ok: false; error: { detail: string } };
type Record_ = { id: string };

/** What is called of a Registry here. */
export type RegistryCalls = {
  bootstrap: (input: object) => unknown;
  createKey: (input: object) => Ok<{ record: Record_; key: string }>;
  rotateKey: (input: object) => Ok<{ record: Record_; key: string }>;
  revokeKey: (input: object) => Ok<unknown>;
  createLink: (input: object) => Ok<{ text: string }>;
  signIn: (input: object) => Ok<{ text: string; session: Record_ }>;
  endSession: (input: object) => void;
  createTicket: (input: object) => { text: string };
  putIssuer: (value: object, actor: string, now: number) => Ok<unknown>;
  removeIssuer: (id: string, actor: string, now: number) => Ok<unknown>;
};

type Put = (sql: unknown, value: unknown, change: { actor: string; now: number }) => Ok<unknown>;
type Exports = {
  serve: (routes: readonly object[]) => (request: Request, env: object, context: object) => Promise<Response>;
  forget: (workspace: string) => void;
  sessionRoutes: readonly object[];
  boardRoutes: readonly { path: string }[];
  engineRoutes: readonly { path: string }[];
  AccessRegistry: new (ctx: object, env: object) => RegistryCalls;
  putPerson: Put;
  putAgent: Put;
  removeAgent: (sql: unknown, id: string, change: { actor: string; now: number }) => Ok<unknown>;
};

type Kept = { readonly registry: RegistryCalls; readonly storage: Storage };

/** The value of a Result, which a stage then relies on. */
export function must<Value>(result: Ok<Value>): Value {
  if (!result.ok) throw new Error(result.error.detail);
  return result.value;
}

/** One engine without a network: requests go in, and who they were taken for comes out. */
export class Gate {
  readonly #exports: Exports;
  readonly #env: object;
  readonly #handle: ReturnType<Exports["serve"]>;
  readonly #kept = new Map<string, Kept>();

  private constructor(exports: Exports, settings: Record<string, string>) {
    this.#exports = exports;
    const board = {
      reauthorise: () => Promise.resolve(),
      fetch: () => Promise.resolve(Response.json({ id: "a stream" })),
    };
    this.#env = {
      ...settings,
      REGISTRY: { getByName: (name: string) => this.#keptBy(name).registry },
      BOARD: { getByName: () => board },
      LEDGER: { getByName: () => ({ reopen: () => ({ ok: true, value: null }) }) },
    };
    const who = { scope: "any", answer: { status: 200 }, path: "/v1/who", handle: whoIs };
    this.#handle = exports.serve([
      { ...who, method: "GET" },
      { ...who, method: "POST" },
      { ...who, method: "PUT" },
      { ...who, method: "DELETE" },
      ...exports.sessionRoutes,
      ...exports.boardRoutes.filter(({ path }) => path === "/v1/board/stream"),
      ...exports.engineRoutes.filter(({ path }) => path === "/v1/workspaces"),
    ]);
  }

  static open(changes: readonly Change[] = [], settings: Record<string, string> = {}): Gate {
    return new Gate(variantOf(entries, changes) as Exports, settings);
  }

  /** @param workspace with its Registry, which is made by its first use. */
  registry(workspace: string): RegistryCalls {
    return this.#keptBy(`${workspace}/registry`).registry;
  }

  person(workspace: string, value: object): void {
    must(this.#exports.putPerson(this.#sql(workspace), value, { actor: "test", now: now - 86_400_000 }));
  }

  agent(workspace: string, value: object): void {
    must(this.#exports.putAgent(this.#sql(workspace), value, { actor: "test", now: now - 86_400_000 }));
  }

  removesAgent(workspace: string, id: string): void {
    must(this.#exports.removeAgent(this.#sql(workspace), id, { actor: "test", now: now - 1 }));
  }

  hash(text: string): string {
    return createHash("sha256").update(text).digest("hex");
  }

  /** As every write through the engine does. */
  forget(workspace: string): void {
    this.#exports.forget(workspace);
  }

  /** Who a request was taken for; null where it was refused. @throws where it was neither: nobody was told why. */
  async send(sent: Sent): Promise<string | null> {
    const answer = await this.#answer(sent);
    if (answer === null) return null;
    const said = (await answer.json()) as { id?: string; person?: string };
    return said.id ?? said.person ?? "somebody";
  }

  /** The cookie that a request is given, as it is sent back; null where it was refused. */
  async cookieOf(sent: Sent): Promise<string | null> {
    const answer = await this.#answer(sent);
    return answer?.headers.get("set-cookie")?.split(";")[0] ?? null;
  }

  async #answer({ headers, method = "GET", path = "/v1/who", body }: Sent): Promise<Response | null> {
    const list = new Headers();
    for (const [name, value] of headers) list.append(name, value);
    const request = new Request(`${origin}${path}`, {
      method,
      headers: list,
      ...(body !== undefined && { body }),
    });
    const answer = await this.#handle(request, this.#env, { waitUntil: () => undefined });
    // 503: its keys cannot be read, so that nobody is let in.
    if (answer.status >= 500 && answer.status !== 503) throw new Error(`answered ${answer.status}`);
    return answer.status < 300 ? answer : null;
  }

  #sql(workspace: string): unknown {
    return this.#keptBy(`${workspace}/registry`).storage.sql;
  }

  #keptBy(name: string): Kept {
    const known = this.#kept.get(name);
    if (known !== undefined) return known;
    const storage = new Storage();
    const ctx = { id: { name }, storage, waitUntil: () => undefined };
    // The engine's own Registry is asked for no more than this.
    const own = name === "engine/registry" ? { ensureWorkspace: () => undefined } : {};
    const kept = { registry: Object.assign(new this.#exports.AccessRegistry(ctx, this.#env), own), storage };
    this.#kept.set(name, kept);
    return kept;
  }
}

const whoIs = ({ principal }: { principal: { workspace: string; id: string } }): object => ({
  body: { id: `${principal.workspace} ${principal.id}` },
});
