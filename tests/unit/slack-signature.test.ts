import { createHmac } from "node:crypto";
import { verifySlackRequest } from "@slack/bolt";
import { describe, test } from "vitest";
import { isFromSlack } from "../../workers/channels/slack/signature.ts";
import { interactionOf } from "../../workers/channels/slack/payload.ts";

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

/** Numbers that come the same each time. */
function* randoms(seed: number): Generator<number> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
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

  test("of 100,000 requests that are forged, stale, from the future or shifted, none is accepted", async ({
    expect,
  }) => {
    const next = randoms(20_261_123);
    const random = (below: number): number => Math.floor((next.next().value ?? 0) * below);
    const now = at * 1_000;
    const body = "payload=%7B%22type%22%3A%22block_actions%22%7D";
    const genuine = sign(body, String(at));
    const hex = (): string => Array.from({ length: 64 }, () => "0123456789abcdef"[random(16)]).join("");
    const flipped = (): string => {
      const place = 3 + random(64);
      const other = genuine[place] === "0" ? "1" : "0";
      return `${genuine.slice(0, place)}${other}${genuine.slice(place + 1)}`;
    };
    const stale = (): [string, string, string] => {
      const timestamp = String(at + (random(2) === 0 ? -1 : 1) * (301 + random(1_000_000)));
      return [body, timestamp, sign(body, timestamp)];
    };
    // The end of the time moved into the body, and the other way round: the signed bytes are the same.
    const shifted = (): [string, string, string] => {
      const digits = 1 + random(9);
      const head = String(at).slice(0, -digits);
      return [`${String(at).slice(-digits)}:${body}`, head, genuine];
    };
    const attacks: (() => [string, string, string])[] = [
      () => [body, String(at), `v0=${hex()}`],
      () => [body, String(at), flipped()],
      () => [body.slice(0, random(body.length)), String(at), genuine],
      () => [`${body}${hex().slice(0, 1 + random(4))}`, String(at), genuine],
      () => [body, String(at + 1 + random(200)), genuine],
      stale,
      shifted,
      () => [body, String(at), genuine.replace("v0=", `v${1 + random(9)}=`)],
    ];
    let accepted = 0;
    for (let sent = 0; sent < 100_000; sent += 1) {
      const [attacked, timestamp, signature] = attacks[sent % attacks.length]!();
      if (await accepts(attacked, timestamp, signature, now)) accepted += 1;
    }
    expect(accepted).toBe(0);
    // The control: among as many, the one that is genuine is accepted each time.
    expect(await accepts(body, String(at), genuine, now)).toBe(true);
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
