import type { Command } from "commander";
import { collect, parseDuration } from "../options.ts";
import { isWaiting } from "../../../client/shape.ts";
import { tellWaiting, tellWarning } from "../render/waiting.ts";
import { formatTable } from "../render/table.ts";
import { left } from "../render/time.ts";
import { visible } from "../../../core/card/visible.ts";
import { openSession } from "../session.ts";

type CreateOptions = { principal: string; scope?: string[]; expires?: number; name?: string };

const overview = `
A key is shown once, when it is made; the engine stores its hash. Without --scope it may do what its kind of principal
usually does: an agent asks, waits, claims and reports; a person reads and votes; a service reads.

Examples:
  $ npx holdpoint key create --principal agent:deployer --expires 90d --name "CI"
  $ npx holdpoint key create --principal service:auditor --scope evidence:read
  $ npx holdpoint key rotate k_3fK9 --overlap 1h
  $ npx holdpoint key revoke k_3fK9`;

export function addKey(program: Command): void {
  const key = program
    .command("key")
    .summary("make, rotate and revoke API keys")
    .description("API keys of agents, people and services.")
    .addHelpText("after", overview);
  key
    .command("create")
    .description("Make a key. On stdout: the key and nothing else.")
    .requiredOption("--principal <id>", "agent:NAME, person:NAME or service:NAME")
    .option("--scope <scope>", "what it may do (may be repeated)", collect)
    .option("--expires <duration>", "how long it is valid (default: until revoked)", parseDuration)
    .option("--name <text>", "what it is for")
    .action(async ({ principal, scope, expires, name }: CreateOptions, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const answer = await client.keys.create({
        principal,
        ...(scope === undefined ? {} : { scopes: scope }),
        ...(name === undefined ? {} : { name }),
        ...(expires === undefined ? {} : { expiresAt: new Date(Date.now() + expires).toISOString() }),
      });
      if (isWaiting(answer)) {
        return tellWaiting(terminal, answer, `Then collect it, once: npx holdpoint key collect ${answer.id}`);
      }
      tellWarning(terminal, answer);
      if (terminal.json) return terminal.document(answer);
      terminal.note(
        `${terminal.err.green("✓")} ${answer.record.id} for ${answer.record.principal}: ${answer.record.scopes.join(", ")}. It is shown this once:`,
      );
      terminal.print(answer.key);
    });
  key
    .command("list")
    .description("List keys: whose they are and what they may do, never the keys themselves.")
    .action(async (_: object, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const answer = await client.keys.list();
      if (terminal.json) return terminal.document(answer);
      const rows = answer.items.map((record) => [
        record.id,
        visible(record.principal),
        stateOf(record),
        record.scopes.join(" "),
        visible(record.name ?? ""),
      ]);
      terminal.print(formatTable(["ID", "PRINCIPAL", "STATE", "SCOPES", "NAME"], rows, terminal.out.dim));
    });
  addChanges(key);
}

function addChanges(key: Command): void {
  key
    .command("collect")
    .description("Collect a key that another operator has agreed to, once. On stdout: the key.")
    .argument("<action>", "act_…, as `key create` said")
    .action(async (action: string, _: object, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const answer = await client.keys.collect(action);
      if (terminal.json) return terminal.document(answer);
      terminal.note(`${terminal.err.green("✓")} ${visible(answer.summary)}. It is shown this once:`);
      terminal.print(answer.key);
    });
  key
    .command("revoke")
    .description("End a key at once.")
    .argument("<id>", "the key's id, from `key list`")
    .action(async (id: string, _: object, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const record = await client.keys.revoke(id);
      if (terminal.json) terminal.document(record);
      else terminal.print(`${record.id} revoked`);
    });
  key
    .command("rotate")
    .description("Make a key's successor; the old one works a while longer. On stdout: the new key.")
    .argument("<id>", "the key's id, from `key list`")
    .option("--overlap <duration>", "how long the old key goes on working (default: 24h)", parseDuration)
    .action(async (id: string, { overlap }: { overlap?: number }, command: Command) => {
      const { client, terminal } = openSession(command, "operator");
      const answer = await client.keys.rotate(id, overlap === undefined ? {} : { overlapMs: overlap });
      if (terminal.json) return terminal.document(answer);
      terminal.note(`${terminal.err.green("✓")} ${answer.record.id} replaces ${id}. It is shown this once:`);
      terminal.print(answer.key);
    });
}

function stateOf({
  expiresAt,
  revokedAt,
  replacedBy,
}: {
  expiresAt: unknown;
  revokedAt: unknown;
  replacedBy: unknown;
}): string {
  if (revokedAt !== null && revokedAt !== undefined) return "revoked";
  const until =
    typeof expiresAt === "number"
      ? new Date(expiresAt).toISOString()
      : typeof expiresAt === "string"
        ? expiresAt
        : null;
  const rest = left(until, Date.now());
  if (rest === "over") return "expired";
  const rotated = typeof replacedBy === "string" ? `replaced by ${replacedBy}, ` : "";
  return rest === null ? `${rotated}valid` : `${rotated}${rest} left`;
}
