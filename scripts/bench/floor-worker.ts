import { DurableObject } from "cloudflare:workers";

type FloorEnv = { readonly FLOOR: DurableObjectNamespace<Floor> };

const hourMs = 3_600_000;

/**
 * One object with one row and one alarm, and whoever waits for it: the least that an approval can cost here. It checks
 * nothing, parses nothing and tells nobody else.
 */
export class Floor extends DurableObject<FloorEnv> {
  readonly #polls = new Set<() => void>();

  create(body: string): void {
    const { sql } = this.ctx.storage;
    this.ctx.storage.transactionSync(() => {
      sql.exec("CREATE TABLE action (state TEXT NOT NULL, body TEXT NOT NULL)");
      sql.exec("INSERT INTO action (state, body) VALUES ('pending', ?)", body);
      void this.ctx.storage.setAlarm(Date.now() + hourMs);
    });
  }

  flip(): string {
    this.ctx.storage.sql.exec("UPDATE action SET state = 'approved'");
    const view = this.view();
    for (const resume of this.#polls) resume();
    this.#polls.clear();
    for (const socket of this.ctx.getWebSockets()) socket.send(view);
    return view;
  }

  /** One row written for the claim, and one for the report. */
  move(state: string): void {
    this.ctx.storage.sql.exec("UPDATE action SET state = ?", state);
  }

  view(): string {
    const { state } = this.ctx.storage.sql.exec<{ state: string }>("SELECT state FROM action").one();
    return `{"state":"${state}"}`;
  }

  /** Comes back at the flip, or at once after it. */
  async wait(): Promise<string> {
    const now = this.view();
    if (!now.includes("pending")) return now;
    await new Promise<void>((resolve) => this.#polls.add(resolve));
    return this.view();
  }

  override fetch(): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    server.send(this.view());
    return new Response(null, { status: 101, webSocket: client });
  }

  override webSocketClose(socket: WebSocket): void {
    socket.close(1000, "closed");
  }

  override alarm(): void {
    // Never due within a run; it is here because setting it is part of the floor.
  }
}

/** The engine's addresses, so that one load generator drives both. */
const path = /^\/v1\/actions\/([^/]+)(\/stream|\/votes|\/claim|\/report)?$/u;

async function answer(request: Request, env: FloorEnv): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === "/healthz") return new Response("ok");
  if (pathname === "/v1/actions") {
    const id = `act_${crypto.randomUUID()}`;
    await env.FLOOR.getByName(id).create(await request.text());
    return new Response(`{"id":"${id}","digest":"sha256:none","seq":1}`, { status: 201 });
  }
  const [, id, part] = path.exec(pathname) ?? [];
  if (id === undefined) return new Response(null, { status: 404 });
  const object = env.FLOOR.getByName(id);
  if (part === "/stream") return await object.fetch(request);
  if (part === undefined) return new Response(await object.wait());
  await request.text();
  if (part === "/votes") return new Response(await object.flip());
  await object.move(part === "/claim" ? "executing" : "succeeded");
  return new Response('{"lease":"lse_none","fence":1}');
}

// workerd calls a Worker's default export.
// oxlint-disable-next-line import/no-default-export
export default { fetch: answer } satisfies ExportedHandler<FloorEnv>;
