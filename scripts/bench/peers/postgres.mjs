// A Postgres of one's own, as a careful user would set it up: nothing is acknowledged before it is on the disk.
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import pg from "pg";
import { freePort, startChild, until } from "./child.mjs";

export const durable = "Postgres: fsync, full_page_writes and synchronous_commit on, WAL on disk";

const settings = {
  fsync: "on",
  full_page_writes: "on",
  synchronous_commit: "on",
  wal_sync_method: "fdatasync",
  shared_buffers: "256MB",
  max_connections: "200",
  listen_addresses: "127.0.0.1",
};

/** Where Debian and others keep the server's programs, newest first. */
export function postgresFolder() {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    process.env.HOLDPOINT_POSTGRES_BIN,
    ...versions.map((version) => join(debian, version, "bin")),
    ...(process.env.PATH ?? "").split(delimiter),
  ];
  const found = folders.find(
    (folder) => folder && existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres")),
  );
  if (found !== undefined) return found;
  throw new Error(
    "Postgres is not installed: `apt-get install postgresql`, or set HOLDPOINT_POSTGRES_BIN to the folder of its initdb.",
  );
}

/** Postgres refuses to run as root: then as its own user, or as nobody. Null where this process is somebody else. */
function owner() {
  if (process.getuid?.() !== 0) return null;
  const users = new Map(
    readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .map((line) => line.split(":"))
      .map(([name, , uid, gid]) => [name, { uid: Number(uid), gid: Number(gid) }]),
  );
  const user = users.get("postgres") ?? users.get("nobody");
  if (user !== undefined) return user;
  throw new Error("Postgres does not run as root, and there is no user `postgres` or `nobody`.");
}

/** Starts one on new data below `folder`. @returns its address, for the database `postgres`. */
export async function startPostgres(folder) {
  const bin = postgresFolder();
  const as = owner();
  const data = join(folder, "postgres");
  mkdirSync(data);
  chmodSync(data, 0o700);
  if (as !== null) {
    chownSync(data, as.uid, as.gid);
    // Its user has to reach what is its own, in a folder that was made for this process's alone.
    chmodSync(folder, 0o755);
  }
  const how = { cwd: data, ...as, stdio: "pipe" };
  execFileSync(
    join(bin, "initdb"),
    ["-D", data, "-U", "bench", "--auth=trust", "-E", "UTF8", "--locale=C"],
    how,
  );
  const port = await freePort();
  const options = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const args = ["-D", data, "-p", String(port), "-k", data, ...options];
  // SIGINT: it ends at once, and cleans up.
  startChild(join(bin, "postgres"), args, { cwd: data, ...as, signal: "SIGINT" });
  const url = `postgresql://bench@127.0.0.1:${port}/postgres`;
  await until(async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.end();
  }, "Postgres");
  return url;
}
