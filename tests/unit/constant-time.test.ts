import { describe, test } from "vitest";
import { verifyWebhook } from "../../client/index.ts";
import { isFromSlack } from "../../workers/channels/slack/signature.ts";
import { fileText, filesBelow } from "../support/pages.ts";

/**
 * Nothing that proves a caller is compared so that the time it takes says how much of it was right, and none is so long or short
 * that comparing it throws. No test can see a constant time by measuring; what can be seen is by what it is compared.
 */
const sources = ["core", "objects", "workers", "client"].flatMap((folder) => filesBelow(folder, ".ts"));

/** Comparisons that end at the first difference, of something that is named like a proof. */
function comparisonsIn(source: string): string[] {
  const name = String.raw`(?:\w+\??\.)*\w*(?:mac|Mac|signature|Signature|secret|Secret|token|Token|hash|Hash|ticket|Ticket)`;
  const plain = new RegExp(
    String.raw`(?<![\w.])${name} [!=]==? (?!undefined|null|"|\d)[\w.?#]+|[\w.?#\])]+ [!=]==? ${name}(?![\w.(])`,
    "gu",
  );
  return source
    .split("\n")
    .filter((line) => !/^\s*(?:\*|\/\/|\/\*)/u.test(line))
    .flatMap((line) => [...line.matchAll(plain)].map(([found]) => found));
}

describe("T14 a proof", () => {
  test("of any length is refused and never thrown over: Slack's", async ({ expect }) => {
    const body = new Uint8Array(new TextEncoder().encode("payload=%7B%7D"));
    for (let length = 0; length <= 160; length += 1) {
      const headers = { timestamp: "1531420618", signature: `v0=${"a".repeat(length)}` };
      expect(await isFromSlack("8f742231b10e8888", headers, body, 1_531_420_618_000), String(length)).toBe(
        false,
      );
    }
  });

  test("of any length is refused and never thrown over: a webhook's", async ({ expect }) => {
    const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    for (let length = 0; length <= 80; length += 1) {
      const headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1614265330",
        "webhook-signature": `v1,${btoa("a".repeat(length))}`,
      };
      const check = verifyWebhook({ secret, headers, body: "{}", now: 1_614_265_330_000 });
      await expect(check, String(length)).rejects.toMatchObject({ code: "bad_webhook" });
    }
  });

  test("is compared by what takes the same time for each, and by that only where the lengths are equal", ({
    expect,
  }) => {
    const users = sources.filter((path) => /\btimingSafeEqual\(/u.test(fileText(path)));
    // It throws on unequal lengths. A further user is to be looked at before it is put here.
    expect(users).toEqual(["objects/registry/keys.ts", "workers/routes/engine.ts"]);
    expect(fileText("objects/registry/keys.ts")).toContain(
      "left.byteLength === right.byteLength && timingSafeEqual(left, right)",
    );
    // Hashes, which are of one length whatever they are of.
    expect(fileText("workers/routes/engine.ts")).toContain(
      'timingSafeEqual(expected, Buffer.from(sha256Hex(given), "hex"))',
    );
    const verifiers = sources.filter((path) => /\bsubtle\.verify\("HMAC"/u.test(fileText(path)));
    expect(verifiers.toSorted()).toEqual(["client/webhook.ts", "workers/channels/slack/signature.ts"]);
  });

  test("is nowhere compared by what ends at the first difference", ({ expect }) => {
    const found = sources.filter((path) => comparisonsIn(fileText(path)).length > 0);
    // Hashes that anybody may know, of what was shown and of the chain, and the engine's own secret against itself.
    expect(found).toEqual([
      "core/card/shown.ts",
      "core/evidence/verify-lines.ts",
      "workers/channels/slack/signature.ts",
    ]);
  });

  test("that were so compared would be noticed", ({ expect }) => {
    for (const line of [
      "if (mac === expected) return true;",
      "return given.signature !== signatureOf(body);",
      "if (record.keyHash === hash) return record;",
      "const ok = wanted === request.token;",
    ]) {
      expect(comparisonsIn(line), line).not.toEqual([]);
    }
    expect(comparisonsIn("if (signature === undefined || secret === null) return;")).toEqual([]);
  });
});
