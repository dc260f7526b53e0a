// A table, and LISTEN/NOTIFY: what one writes oneself. An approval is one row that knows when it expires; a decision
// and its notification are one transaction, and so are each of the others.
import { randomUUID } from "node:crypto";
import pg from "pg";
import { beforeEnd, dataFolder, fail, Meetings, serve } from "./facade.mjs";
import { durable, startPostgres } from "./postgres.mjs";

const connectionString = await startPostgres(dataFolder());
const pool = new pg.Pool({ connectionString, max: 20 });
pool.on("error", fail);
beforeEnd(() => pool.end());
const run = (name, text, values) => pool.query({ name, text, values });

await pool.query(`CREATE TABLE approvals (
  id uuid PRIMARY KEY,
  body jsonb NOT NULL,
  state text NOT NULL DEFAULT 'pending',
  outcome jsonb,
  expires_at timestamptz NOT NULL DEFAULT now() + interval '1 hour'
)`);
await pool.query("CREATE INDEX pending ON approvals (expires_at) WHERE state = 'pending'");

const meetings = new Meetings();
const listener = new pg.Client({ connectionString });
listener.on("error", fail);
await listener.connect();
listener.on("notification", ({ payload }) => meetings.decided(payload, { state: "approved" }));
await listener.query("LISTEN decided");
beforeEnd(() => listener.end());
setInterval(() => {
  run(
    "expire",
    "UPDATE approvals SET state = 'expired' WHERE state = 'pending' AND expires_at < now()",
    [],
  ).catch(fail);
}, 10_000).unref();

const decideText = `WITH decided AS (
  UPDATE approvals SET state = 'approved' WHERE id = $1 AND state = 'pending' RETURNING id
) SELECT pg_notify('decided', id::text) FROM decided`;
const outcomeText = "UPDATE approvals SET state = 'done', outcome = $2 WHERE id = $1 AND state = 'approved'";

/** @throws where no row was in the state it had to be in */
async function one(query) {
  const { rowCount } = await query;
  if (rowCount !== 1) throw new Error("the approval was not in the state this needs");
}

await serve({
  durable,
  create: async (body) => {
    const id = randomUUID();
    await run("create", "INSERT INTO approvals (id, body) VALUES ($1, $2)", [id, body]);
    return id;
  },
  wait: async (id) => {
    const { promise } = meetings.at(id).decided;
    // One decided before anybody listened is found in its row.
    const { rows } = await run("look", "SELECT state FROM approvals WHERE id = $1", [id]);
    return rows[0]?.state === "pending" ? await promise : { state: rows[0]?.state };
  },
  decide: (id) => one(run("decide", decideText, [id])),
  outcome: async (id, body) => {
    await one(run("outcome", outcomeText, [id, body]));
    meetings.forget(id);
  },
});
