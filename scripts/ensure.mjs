// Runs on whatever Node the machine has (20 or newer) before anything is installed: Node's own modules only.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
export const binFolder = join(root, "node_modules", ".bin");
/** The Node this project is pinned to: wrangler needs it, and it runs TypeScript files as they are. */
export const pinnedNode = join(root, "node_modules", "node", "bin", "node");

const lockFile = join(root, "package-lock.json");
const installedFile = join(root, "node_modules", ".package-lock.json");

/**
 * Installs the locked dependencies when they are missing or do not match the lock file. Progress goes to standard
 * error, so that a caller's standard output stays its own.
 * Throws an Error whose message says what to do when npm fails.
 */
export async function ensureInstalled() {
  const reason = whyInstall();
  if (reason !== null) await install(reason);
  if (!existsSync(pinnedNode)) {
    throw new Error(
      "The pinned Node is missing: npm did not run its install script. Try `npm rebuild node`.",
    );
  }
}

const pageFolder = join(root, "dist");
const pageSources = [
  "dashboard",
  "core",
  "schemas",
  // The verifier in one file, which is served beside the page.
  join("scripts", "holdpoint", "verify"),
  "vite.config.ts",
  "package-lock.json",
];

/**
 * Builds the page when it is missing or older than what it is made of. Built beside the old one and put in its place when it is
 * whole, so that an engine that is being tried out never serves half a page.
 * Throws an Error with what vite said when the build fails.
 */
export async function ensureBuilt() {
  const built = join(pageFolder, "index.html");
  const newest = Math.max(...pageSources.map((name) => newestIn(join(root, name))));
  if (existsSync(built) && statSync(built).mtimeMs > newest) return;
  const progress = startProgress("Building the page", 0);
  const draft = join(root, "node_modules", `.page.${process.pid}`);
  const vite = join(root, "node_modules", "vite", "bin", "vite.js");
  const child = spawn(pinnedNode, [vite, "build", "--logLevel", "warn", "--outDir", draft], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => (said += text));
  }
  const code = await new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", resolve);
  });
  progress.stop();
  try {
    if (code !== 0) throw new Error(`The page was not built (${code}).\n${said}`);
    rmSync(pageFolder, { recursive: true, force: true });
    renameSync(draft, pageFolder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** When a file, or the last one in a folder, was changed (epoch ms). */
function newestIn(path) {
  const { mtimeMs } = statSync(path);
  if (!statSync(path).isDirectory()) return mtimeMs;
  return Math.max(mtimeMs, ...readdirSync(path).map((name) => newestIn(join(path, name))));
}

/** A sentence saying why an install is due, or null when everything is in place. */
function whyInstall() {
  if (!existsSync(installedFile)) return "Installing dependencies (the first time only)";
  if (statSync(lockFile).mtimeMs <= statSync(installedFile).mtimeMs) return null;
  // A checkout touches the lock file without changing it, and a machine without network must still start.
  if (!sameVersions()) return "Updating dependencies (package-lock.json has changed)";
  const now = new Date();
  utimesSync(installedFile, now, now);
  return null;
}

function sameVersions() {
  const wanted = JSON.parse(readFileSync(lockFile, "utf8")).packages;
  const installed = JSON.parse(readFileSync(installedFile, "utf8")).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === "") continue;
    const found = installed[path];
    // Binaries for other platforms are optional and rightly absent.
    if (found === undefined ? !entry.optional : found.version !== entry.version) return false;
  }
  return Object.keys(installed).every((path) => wanted[path] !== undefined);
}

async function install(reason) {
  const total = Object.keys(JSON.parse(readFileSync(lockFile, "utf8")).packages).length - 1;
  const progress = startProgress(reason, total);
  const started = performance.now();
  const child = spawn("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=http"], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const complaints = [];
  let rest = "";
  child.stderr.setEncoding("utf8");
  child.stderr.on("data", (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      // At this log level npm writes one line for each package it fetches, from the network or from its cache.
      if (/^npm http .*\.tgz\b/.test(line)) progress.advance();
      else if (line.startsWith("npm error")) complaints.push(line);
    }
  });
  const outcome = await new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(code === 0 ? null : `it ended with ${signal ?? code}`));
  });
  progress.stop();
  if (outcome !== null) {
    // What is wrong comes first; what follows is npm's own manual.
    if (complaints.length > 0) console.error(complaints.slice(0, 12).join("\n"));
    throw new Error(`\`npm ci\` failed: ${outcome}. It needs the npm registry, or a filled npm cache, once.`);
  }
  console.error(`Installed in ${((performance.now() - started) / 1000).toFixed(0)} s.`);
}

/** One line that rewrites itself on a terminal; elsewhere a line now and then, so that a log stays readable. */
function startProgress(label, total) {
  const started = performance.now();
  const live = process.stderr.isTTY;
  let done = 0;
  const line = () => {
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    return done > 0 ? `${label}… ${Math.min(done, total)} packages, ${seconds} s` : `${label}… ${seconds} s`;
  };
  const show = () => process.stderr.write(live ? `\r\u001b[K${line()}` : `${line()}\n`);
  if (!live) console.error(`${label}…`);
  const timer = setInterval(show, live ? 250 : 10_000);
  return {
    advance: () => void (done += 1),
    stop() {
      clearInterval(timer);
      if (live) process.stderr.write("\r\u001b[K");
    },
  };
}
