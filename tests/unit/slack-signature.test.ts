import { createHmac, randomBytes } from "node:crypto";
import { verifySlackRequest } from "@slack/bolt";
import { describe, test } from "vitest";
import { isFromSlack } from "../../workers/channels/slack/signature.ts";
import { interactionOf } from "../../workers/channels/slack/payload.ts";
import { Dice } from "../support/dice.ts";
import { proven } from "../support/proof.ts";

/** How many requests are forged; HOLDPOINT_SEED says which. */
const wanted = Number(process.env["HOLDPOINT_FORGERIES"] ?? 100_000);
const seed = Number(process.env["HOLDPOINT_SEED"] ?? 20_261_123);

const secret = "8f742231b10e8888abcd99yyyzzz85a5";
const documented =
  "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
const at = 1_531_420_618;

const bytes = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(new TextEncoder().encode(text));
const sign = (body: string, timestamp: string, key = secret): string =>
  `v0=${createHmac("sha256", key).update(`v0:${timestamp}:${body}`).digest("hex")}`;
const accepts = (
  body: string,
  timestamp: string | null,
  signature: string | null,
  now: number,
): Promise<boolean> => isFromSlack(secret, { timestamp, signature }, bytes(body), now);

/** Whether Slack's own library takes it. */
function boltAccepts(body: string, timestamp: number, signature: string, now: number): boolean {
  try {
    verifySlackRequest({
      signingSecret: secret,
      body,
      headers: { "x-slack-signature": signature, "x-slack-request-timestamp": timestamp },
      nowMilliseconds: now,
    });
    return true;
  } catch {
    return false;
  }
}

type Sent = readonly [body: string, timestamp: string, signature: string];
/** Whether a request is taken, at the time of Slack's own example. */
type Door = (...sent: Sent) => Promise<boolean> | boolean;

const forged = "payload=%7B%22type%22%3A%22block_actions%22%7D";
const genuine = sign(forged, String(at));
const door: Door = (body, timestamp, signature) => accepts(body, timestamp, signature, at * 1_000);

/** Ways to send what Slack has not signed, or not signed just now; each takes what is random from the dice. */
function attacksOf(dice: Dice): Record<string, () => Sent> {
  const random = (below: number): number => dice.below(below);
  const hex = (): string => Array.from({ length: 64 }, () => "0123456789abcdef"[random(16)]).join("");
  const flipped = (): string => {
    const place = 3 + random(64);
    return `${genuine.slice(0, place)}${genuine[place] === "0" ? "1" : "0"}${genuine.slice(place + 1)}`;
  };
  const signedAt = (timestamp: string): Sent => [forged, timestamp, sign(forged, timestamp)];
  return {
    "made up": () => [forged, String(at), `v0=${hex()}`],
    "one digit changed": () => [forged, String(at), flipped()],
    "body cut off": () => [forged.slice(0, random(forged.length)), String(at), genuine],
    "body grown": () => [`${forged}${hex().slice(0, 1 + random(4))}`, String(at), genuine],
    "replayed under another time": () => [forged, String(at + 1 + random(200)), genuine],
    stale: () => signedAt(String(at - 301 - random(1_000_000))),
    "from the future": () => signedAt(String(at + 301 + random(1_000_000))),
    // The beginning of the body, up to a colon, moved into the time: the signed bytes are the same, and such a time is no number.
    shifted: () => {
      const [head, rest] = [`payload=${hex()}`, hex()];
      return [rest, `${at}:${head}`, sign(`${head}:${rest}`, String(at))];
    },
    "another version": () => [forged, String(at), genuine.replace("v0=", `v${1 + random(9)}=`)],
    "another secret": () => [forged, String(at), sign(forged, String(at), hex())],
  };
}

describe("T6 Slack's signature", () => {
  test("of Slack's own example is accepted, up to five minutes either way and not a second more", async ({
    expect,
  }) => {
    const signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    for (const [seconds, taken] of [
      [0, true],
      [300, true],
      [-300, true],
      [301, false],
      [-301, false],
    ] as const) {
      expect(await accepts(documented, String(at), signature, (at + seconds) * 1_000)).toBe(taken);
    }
  });

  test("is taken wherever Slack's own library takes it, but for the gaps of that", async ({ expect }) => {
    const now = at * 1_000;
    for (let age = 0; age <= 299; age += 13) {
      const body = `payload=${age}`;
      const signature = sign(body, String(at - age));
      expect(boltAccepts(body, at - age, signature, now)).toBe(true);
      expect(await accepts(body, String(at - age), signature, now)).toBe(true);
    }
    // An hour ahead: the library takes it.
    const ahead = sign("payload=1", String(at + 3_600));
    expect(boltAccepts("payload=1", at + 3_600, ahead, now)).toBe(true);
    expect(await accepts("payload=1", String(at + 3_600), ahead, now)).toBe(false);
  });

  test("is by the secret that is asked for, whichever was asked for before", async ({ expect }) => {
    const secrets = [randomBytes(16).toString("hex"), randomBytes(16).toString("hex")];
    const is = (key: string, by: string): Promise<boolean> => {
      const sent = { timestamp: String(at), signature: sign("a=b", String(at), by) };
      return isFromSlack(key, sent, bytes("a=b"), at * 1_000);
    };
    // Each is asked for twice in a row as well, because the last one is remembered.
    for (const key of [...secrets, ...secrets].flatMap((one) => [one, one])) {
      for (const by of secrets) expect(await is(key, by)).toBe(key === by);
    }
  });

  test("must be of this very form", async ({ expect }) => {
    const body = "payload=1";
    const good = sign(body, String(at));
    const now = at * 1_000;
    expect(await accepts(body, String(at), good, now)).toBe(true);
    const bad = [
      good.replace("v0=", "v1="),
      good.replace("v0=", "v0 ="),
      good.replace("v0=", ""),
      good.toUpperCase(),
      `${good}0`,
      good.slice(0, -1),
      `${good},${good}`,
      ` ${good}`,
      "v0=",
      "",
      null,
    ];
    for (const signature of bad) expect(await accepts(body, String(at), signature, now)).toBe(false);
    for (const timestamp of [`0${at}`, `${at}.0`, ` ${at}`, `${at}\n`, `+${at}`, "1e9", "", "NaN", null]) {
      expect(await accepts(body, timestamp, sign(body, timestamp ?? ""), now)).toBe(false);
    }
  });

  test(
    `of ${wanted} requests that are forged, stale, from the future or shifted, none is accepted`,
    { timeout: 3_600_000 },
    async ({ expect }) => {
      const attacks = Object.entries(attacksOf(new Dice(seed)));
      const accepted: string[] = [];
      for (let sent = 0; sent < wanted; sent += 1) {
        const [name, attack] = attacks[sent % attacks.length]!;
        if (await door(...attack())) accepted.push(name);
      }
      expect(accepted, `seed ${seed}`).toEqual([]);
      expect(await door(forged, String(at), genuine)).toBe(true);
      proven({ part: "slack", trials: wanted, seed, notes: `${attacks.length} ways to forge` });
    },
  );

  /** What each check is for: the product without it, and the way in that it would leave. */
  const holes: Record<string, [way: string, Door]> = {
    "the signature": ["made up", (_, timestamp) => Math.abs(Number(timestamp) - at) <= 300],
    "all of the signature": [
      "one digit changed",
      (body, timestamp, signature) => signature.slice(0, 4) === sign(body, timestamp).slice(0, 4),
    ],
    "the body among what is signed": [
      "body grown",
      (_, timestamp, signature) => door(forged, timestamp, signature),
    ],
    "the time among what is signed": [
      "replayed under another time",
      (body, timestamp, signature) =>
        Math.abs(Number(timestamp) - at) <= 300 && door(body, String(at), signature),
    ],
    "how old it may be": ["stale", (...sent) => accepts(...sent, Number(sent[1]) * 1_000)],
    "that the future is as bad as the past": [
      "from the future",
      (...sent) => accepts(...sent, Math.max(at, Number(sent[1])) * 1_000),
    ],
    "the form of the time": [
      "shifted",
      (body, timestamp, signature) =>
        sign(body, timestamp) === signature && !(Math.abs(at - Number(timestamp)) > 300),
    ],
    "the version": [
      "another version",
      (body, time, signature) => door(body, time, signature.replace(/^v\d/u, "v0")),
    ],
  };
  test.for(Object.entries(holes))("would be accepted without %s", async ([, [way, without]], { expect }) => {
    const attack = attacksOf(new Dice(1))[way]!;
    let accepted = 0;
    for (let sent = 0; sent < 50; sent += 1) accepted += (await without(...attack())) ? 1 : 0;
    expect(accepted).toBeGreaterThan(0);
    proven({ part: "slack", controls: { found: 1, of: 1 } });
  });
});

describe("a body from Slack", () => {
  test("is one field of JSON in a known shape, or nothing", ({ expect }) => {
    const payload = JSON.stringify({ type: "view_closed" });
    const read = (text: string): unknown => interactionOf(bytes(text));
    expect(read(`payload=${encodeURIComponent(payload)}`)).toEqual({ type: "view_closed" });
    const bad = [
      "",
      payload,
      "payload=",
      "payload={",
      "other=1",
      `payload=${payload}&payload=${payload}`,
      `payload=${payload}&a=b`,
      "payload=null",
      "payload=[]",
    ];
    for (const text of bad) expect(read(text)).toBeNull();
    expect(interactionOf(new Uint8Array([0xff, 0xfe]))).toBeNull();
  });
});
