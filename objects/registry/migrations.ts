import type { Migration } from "../migrate.ts";

/**
 * Everything small and shared of a workspace; what is read together is one row. `meta` holds the version that grows with every
 * change of policy, directory or endpoints, the salt and the policy in force. Values are JSON text that is parsed with its schema
 * on every load. `secrets` keeps a rotated signing secret until its overlap ends. The last two tables are used by the engine's own
 * Registry only.
 */
export const migrations = [
  {
    id: "001_registry",
    sql: `
      CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE policies (
        version TEXT PRIMARY KEY,
        document TEXT NOT NULL,
        published_at INTEGER NOT NULL,
        published_by TEXT NOT NULL,
        note TEXT
      );
      CREATE TABLE directory (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (kind, id)
      ) WITHOUT ROWID;
      CREATE TABLE keys (id TEXT PRIMARY KEY, hash TEXT NOT NULL, record TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE endpoints (id TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE secrets (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        secret TEXT NOT NULL,
        made_at INTEGER NOT NULL,
        ends_at INTEGER
      );
      CREATE TABLE answers (
        key TEXT PRIMARY KEY,
        fingerprint TEXT NOT NULL,
        answer TEXT NOT NULL,
        ends_at INTEGER NOT NULL
      ) WITHOUT ROWID;
      CREATE INDEX answers_by_end ON answers (ends_at);
      CREATE TABLE changes (
        number INTEGER PRIMARY KEY,
        version INTEGER NOT NULL,
        at INTEGER NOT NULL,
        actor TEXT NOT NULL,
        kind TEXT NOT NULL,
        id TEXT NOT NULL
      );
      CREATE TABLE workspaces (name TEXT PRIMARY KEY, created_at INTEGER NOT NULL) WITHOUT ROWID;
      CREATE TABLE signing_keys (number INTEGER PRIMARY KEY, jwk TEXT NOT NULL, made_at INTEGER NOT NULL);`,
  },
  {
    // Sign-in links, sessions and tickets: by the hash of their text, which itself is never stored.
    id: "002_passes",
    spare: true,
    sql: `
      CREATE TABLE passes (
        hash TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        ends_at INTEGER NOT NULL,
        record TEXT NOT NULL
      ) WITHOUT ROWID;
      CREATE INDEX passes_by_end ON passes (ends_at);`,
  },
  {
    // Which Slack user is which person, and the codes that prove it: by their hash.
    id: "003_slack_links",
    spare: true,
    sql: `
      CREATE TABLE slack_links (id TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE slack_codes (hash TEXT PRIMARY KEY, person TEXT NOT NULL, ends_at INTEGER NOT NULL) WITHOUT ROWID;`,
  },
  {
    // Who has broken the glass, and what has become of its review.
    id: "004_glass_uses",
    sql: `
      CREATE TABLE glass_uses (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        person TEXT NOT NULL,
        action TEXT NOT NULL,
        incident TEXT NOT NULL,
        at INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        calls INTEGER NOT NULL,
        reviewed_at INTEGER,
        reviewed_by TEXT,
        verdict TEXT
      );
      CREATE INDEX glass_uses_by_person ON glass_uses (person, at);
      CREATE INDEX glass_uses_by_action ON glass_uses (action);`,
  },
  {
    // OpenID Connect issuers whose tokens agents may come with.
    id: "005_issuers",
    spare: true,
    sql: `
      CREATE TABLE issuers (id TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;`,
  },
  {
    // Schedules, who is on call and who owns what. Not in `directory`: an engine of the version before reads every row of that
    // and knows four kinds.
    id: "006_rosters",
    sql: `
      CREATE TABLE rosters (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (kind, id)
      ) WITHOUT ROWID;
      CREATE TABLE kill_switches (number INTEGER PRIMARY KEY, scope TEXT NOT NULL UNIQUE, value TEXT NOT NULL);`,
  },
  {
    // What actions add to the sums that conditions look at, until they leave the window. `by_value` is what keeps one sum apart.
    id: "007_windows",
    sql: `
      CREATE TABLE windows (
        key TEXT NOT NULL,
        by_value TEXT NOT NULL,
        ends_at INTEGER NOT NULL,
        action TEXT NOT NULL,
        amount INTEGER NOT NULL,
        PRIMARY KEY (key, by_value, ends_at, action)
      ) WITHOUT ROWID;
      CREATE INDEX windows_by_action ON windows (action);
      CREATE INDEX windows_by_end ON windows (ends_at);`,
  },
  {
    // Where guardrails stand, what each has heard of already, and what has happened to it with its evidence.
    id: "008_guardrails",
    sql: `
      CREATE TABLE guardrails (type TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE guardrail_signals (
        at INTEGER NOT NULL,
        action TEXT NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (at, action, seq)
      ) WITHOUT ROWID;
      CREATE TABLE guardrail_events (
        type TEXT NOT NULL,
        number INTEGER NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (type, number)
      ) WITHOUT ROWID;`,
  },
  {
    // Changes to what the engine judges by that wait for somebody's agreement, whole. Once it is known what came of one it is
    // kept without the change, and open until its action has been told.
    id: "009_proposals",
    sql: `
      CREATE TABLE proposals (
        action TEXT PRIMARY KEY,
        change TEXT,
        base TEXT NOT NULL,
        actor TEXT NOT NULL,
        made_at INTEGER NOT NULL,
        result TEXT,
        is_open INTEGER NOT NULL DEFAULT 1
      ) WITHOUT ROWID;
      CREATE INDEX proposals_open ON proposals (made_at) WHERE is_open = 1;`,
  },
] as const satisfies readonly Migration[];
