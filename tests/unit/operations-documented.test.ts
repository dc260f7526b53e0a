import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import * as v from "valibot";
import { describe, test } from "vitest";
import { noCounters } from "../../core/counters.ts";
import { evidenceText } from "../../core/evidence/figures-prometheus.ts";
import { operatorsText, prometheusText, switchesText } from "../../core/prometheus.ts";
import type { TimedAction } from "../../core/queue-time.ts";
import { scopes } from "../../schemas/principal.ts";
import { problems } from "../../schemas/problem.ts";
import { usdPerMillion } from "../../scripts/cost/prices.ts";
import { createProgram } from "../../scripts/holdpoint/program.ts";
import { evidenceFiguresOf } from "../support/evidence-figures.ts";
import { codeOf, fileText, filesBelow } from "../support/pages.ts";

/**
 * Somebody follows this page at three in the morning. Whatever it names has to be there: commands with their options, settings,
 * figures, alerts, addresses, queues, and the words that it says stand in the log.
 */
const page = fileText("docs/operations.md");
const code = codeOf(page);
const root = fileURLToPath(new URL("../..", import.meta.url));

const unique = (found: Iterable<string>): string[] => [...new Set(found)].toSorted();
const namesIn = (text: string, pattern: RegExp): string[] =>
  unique([...text.matchAll(pattern)].map(([all, first]) => first ?? all));

describe("every command of the command line on the page", () => {
  const program = createProgram("");
  const typed = unique(
    code.flatMap((line) =>
      [...line.matchAll(/npx holdpoint (?<rest>[^|>)&;]+)/gu)].map((one) => one[1] ?? ""),
    ),
  );

  test("is one", ({ expect }) => {
    expect(typed.length).toBeGreaterThan(30);
    expect(typed.flatMap((line) => faultOf(program, line) ?? [])).toEqual([]);
  });

  test("and one that is none, or has an option that is none, would be noticed", ({ expect }) => {
    expect(faultOf(program, "key forge ID")).toMatch("forge");
    expect(faultOf(program, "metrics --since 7d")).toMatch("--since");
    expect(faultOf(program, "ledger checkpoint --out FILE")).toBeNull();
  });
});

/** What is wrong with a command line; null where nothing is. */
function faultOf(program: Command, line: string): string | null {
  const words = line.trim().split(/\s+/u);
  let command = program;
  for (const word of words) {
    const next = command.commands.find((one) => one.name() === word);
    if (next === undefined) {
      const isArgument =
        command !== program && (command.registeredArguments.length > 0 || word.startsWith("-"));
      if (!isArgument) return `${line}: there is no ${word}`;
      break;
    }
    command = next;
  }
  const known = [...command.options, ...program.options].flatMap(({ long }) => long ?? []);
  const unknown = words.find((word) => word.startsWith("--") && word !== "--help" && !known.includes(word));
  return unknown === undefined ? null : `${line}: there is no ${unknown}`;
}

test("every npm script on the page is one", ({ expect }) => {
  const { scripts } = v.parse(
    v.object({ scripts: v.record(v.string(), v.string()) }),
    JSON.parse(fileText("package.json")),
  );
  const named = namesIn(code.join("\n"), /\bnpm (?:run )?(?<name>[\w:]+)/gu).filter(
    (name) => name !== "audit",
  );
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
});

describe("every command of wrangler on the page", () => {
  const typed = namesIn(code.join("\n"), /npx wrangler (?<rest>[^\n|>]+)/gu);
  // Its own table of commands, read and not run: each of its starts takes a second.
  const wrangler = fileText("node_modules/wrangler/wrangler-dist/cli.js");
  const known = namesIn(wrangler, /\bcommand: "wrangler (?<name>[a-z0-9 -]+)"/gu);
  const isKnown = (line: string): boolean => known.some((one) => line === one || line.startsWith(`${one} `));

  test("is one of the pinned wrangler's, with options that it has", ({ expect }) => {
    expect(typed.length).toBeGreaterThan(15);
    expect(typed.filter((line) => !isKnown(line))).toEqual([]);
    const options = namesIn(typed.join("\n"), /--(?<name>[a-z-]+)/gu);
    expect(
      options.filter((name) => !wrangler.includes(`"${name}": {`) && !wrangler.includes(`${name}: {`)),
    ).toEqual([]);
  });

  test("and one that is none would be noticed", ({ expect }) => {
    expect(isKnown("queue pause holdpoint-events")).toBe(false);
  });
});

describe("settings", () => {
  const setting = /\bHOLDPOINT_[A-Z]+(?:_[A-Z]+)*\b/gu;
  const engine = ["schemas", "workers", "objects"].flatMap((folder) => filesBelow(folder, ".ts"));
  const read = namesIn(engine.map(fileText).join("\n"), setting);

  test("on the page are read by something", ({ expect }) => {
    const scripts = filesBelow("scripts", ".ts").map(fileText).join("\n");
    expect(namesIn(page, setting).filter((name) => !read.includes(name) && !scripts.includes(name))).toEqual(
      [],
    );
  });

  test("that the engine reads each have a row", ({ expect }) => {
    const rows = namesIn(page, /^\| `(?<name>HOLDPOINT_[A-Z_]+)` +\|/gmu);
    expect(read.length).toBeGreaterThan(15);
    expect(rows).toEqual(read);
  });

  test("and every queue and optional binding of wrangler.toml is named", ({ expect }) => {
    const config = fileText("wrangler.toml");
    const queues = namesIn(config, /^(?:dead_letter_)?queue = "(?<name>[\w-]+)"/gmu);
    expect(namesIn(page, /npx wrangler queues create (?<name>[\w-]+)/gu)).toEqual(queues);
    for (const binding of namesIn(config, /^(?:# )?binding = "(?<name>(?:EV|DEL|ANA)\w+)"/gmu)) {
      expect(page).toContain(`\`${binding}\``);
    }
  });
});

/** Without one the text says nothing of how long anybody waits. */
const pending: TimedAction = {
  type: "host.shell",
  risk: "high",
  groups: [],
  state: "pending",
  createdAt: 0,
  notifiedAt: null,
  firstVoteAt: null,
  decidedAt: null,
  claimedAt: null,
  finishedAt: null,
  leftAt: null,
  decision: null,
  via: null,
  votes: [],
  escalations: 0,
  missingContext: false,
  seen: {},
};

describe("figures and alerts", () => {
  const none = { budget: 0, coalesced: 0 };
  const scraped = { counters: noCounters(), recent: [pending], deadLetters: 0, suppressed: none, now: 0 };
  const text = [
    prometheusText(scraped),
    switchesText(0),
    operatorsText(0),
    evidenceText(evidenceFiguresOf()),
  ].join("");
  const figures = namesIn(text, /^# TYPE (?<name>\w+)/gmu);
  const alerts = namesIn(fileText("docs/alerts/holdpoint.rules.yml"), /^ +- alert: (?<name>\w+)/gmu);

  test("on the page are in /metrics", ({ expect }) => {
    const named = namesIn(page, /\bholdpoint_[a-z_]+\b/gu);
    expect(named.length).toBeGreaterThan(12);
    expect(named.filter((name) => !figures.includes(name))).toEqual([]);
  });

  test("each lead somewhere: every alert rule is on the page, and no other", ({ expect }) => {
    expect(alerts.length).toBeGreaterThan(8);
    expect(namesIn(page, /\bHoldpoint[A-Z][A-Za-z]+\b/gu)).toEqual(alerts);
  });
});

describe("addresses and words", () => {
  const routes = new Set(
    filesBelow("workers/routes", ".ts").flatMap((path) =>
      [...fileText(path).matchAll(/method: "(?<method>[A-Z]+)",\s+path: "(?<path>[^"]+)"/gu)].map(
        ({ groups }) => `${groups?.["method"]} ${groups?.["path"]}`,
      ),
    ),
  );

  test("every route on the page is one", ({ expect }) => {
    expect(routes.size).toBeGreaterThan(80);
    const named = namesIn(page, /\b(?:GET|POST|PUT|DELETE) \/[\w./:-]*[\w]/gu);
    expect(named.length).toBeGreaterThan(12);
    expect(named.filter((one) => !routes.has(one))).toEqual([]);
    const paths = new Set([...routes].map((one) => one.slice(one.indexOf(" ") + 1)));
    const called = namesIn(
      code.join("\n"),
      /(?:\$HOLDPOINT_URL|holdpoint\.example\.com)(?<path>\/[\w./-]+)(?=["\s]|$)/gu,
    );
    expect(called.filter((path) => !paths.has(path) && !path.startsWith("/actions"))).toEqual([]);
  });

  test("every problem and scope on the page is one", ({ expect }) => {
    const codes = namesIn(page, /503 `(?<code>\w+)`/gu);
    expect(codes).toEqual(["log_unavailable", "policy_unavailable"]);
    expect(codes.filter((one) => !Object.hasOwn(problems, one))).toEqual([]);
    const named = namesIn(page, /`(?<scope>[a-z]+:(?:read|write|request))`/gu);
    expect(named.filter((one) => !scopes.some((scope) => scope === one))).toEqual([]);
  });

  test("what it says stands in the log is written there", ({ expect }) => {
    const table = page.slice(page.indexOf("| words "), page.indexOf("### A queue is stuck"));
    const words = namesIn(table, /^\| `(?<words>[^`]+)` +\|/gmu);
    expect(words.length).toBeGreaterThan(10);
    const written = ["workers", "objects"]
      .flatMap((folder) => filesBelow(folder, ".ts"))
      .map(fileText)
      .join("\n");
    const calls = [...written.matchAll(/console\.(?:error|warn)\(\s*"(?<first>[^"]*)"/gu)].map(
      (one) => one[1] ?? "",
    );
    expect(words.filter((one) => !calls.some((call) => call.startsWith(one)))).toEqual([]);
  });

  test("its prices are those that npm run cost counts with, and its count is not below the last one", ({
    expect,
  }) => {
    const price = (row: string): number =>
      Number(new RegExp(`^\\| ${row} .*\\$([\\d.]+) +\\|$`, "mu").exec(page)?.[1]);
    expect({
      rowWritten: price("rows written"),
      rowRead: price("rows read"),
      objectRequest: price("object requests"),
      queueOperation: price("queue operations"),
      workerRequest: price("Worker requests"),
    }).toMatchObject({
      rowWritten: usdPerMillion.rowWritten,
      rowRead: usdPerMillion.rowRead,
      objectRequest: usdPerMillion.objectRequest,
      queueOperation: usdPerMillion.queueOperation,
      workerRequest: usdPerMillion.workerRequest,
    });
    const millionLives = (text: string): number =>
      Number(/US\$ a million lives\W+(?<usd>[\d.]+)/u.exec(text)?.[1]);
    expect(millionLives(page)).toBeGreaterThanOrEqual(millionLives(fileText("docs/figures.md")));
  });
});

describe("links of the pages", () => {
  const pages = ["docs/operations.md", "docs/threats.md", "docs/not-proven.md"];

  test.for(pages)("%s lead to files and headings that are there", (path, { expect }) => {
    const links = [...fileText(path).matchAll(/\]\((?<to>[^)\s]+)\)/gu)].map((one) => one[1] ?? "");
    expect(links.length).toBeGreaterThan(1);
    const broken = links.filter((to) => {
      if (/^https?:/u.test(to)) return false;
      const [file = "", anchor] = to.split("#");
      const target = file === "" ? path : join(dirname(path), file);
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !anchorsOf(fileText(target)).includes(anchor);
    });
    expect(broken).toEqual([]);
  });
});

/** As GitHub makes them of headings. */
const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (?<heading>.+)$/gmu)].map((one) =>
    (one[1] ?? "")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
