import { createHmac, createHash, randomBytes } from "node:crypto";
import type { Door, Hole } from "../campaign.ts";
import { clientWith, taken } from "../client.ts";
import { now } from "../gate.ts";
import * as mangled from "../mangled.ts";

const file = "client/webhook.ts";
const base64 = `${mangled.base62}+/`;
const inBase64 = "client/base64.ts";

const time = "if (!(Math.abs(now / 1_000 - timestamp) <= toleranceSeconds)) {";
const holes: readonly Hole[] = [
  {
    without: "the signature",
    changes: [
      { file, from: "if (!(await anyHolds(signaturesOf(list), keys, signed))) {", to: "if (false) {" },
    ],
    way: "made up",
  },
  {
    without: "the body among what is signed",
    changes: [
      {
        file,
        from: "const signed = concat(new TextEncoder().encode(`${id}.${time}.`), body);",
        to: "const signed = concat(new TextEncoder().encode(`${id}.${time}.`), new TextEncoder().encode(original));",
      },
      {
        file,
        from: "/** A sender rotating",
        to: 'const original = \'{"type":"action.approved","data":{"id":"act_1","amount":100}}\';\n/** A sender rotating',
      },
    ],
    way: "another body",
  },
  {
    without: "the time among what is signed",
    changes: [{ file, from: "encode(`${id}.${time}.`)", to: "encode(`${id}.1800000000.`)" }],
    way: "under a later time",
  },
  {
    without: "the id among what is signed",
    changes: [{ file, from: "encode(`${id}.${time}.`)", to: "encode(`msg_genuine_1.${time}.`)" }],
    way: "under another id",
  },
  {
    without: "how old it may be",
    changes: [{ file, from: time, to: "if (timestamp - now / 1_000 > toleranceSeconds) {" }],
    way: "stale",
  },
  {
    without: "that the future is as bad as the past",
    changes: [{ file, from: time, to: "if (now / 1_000 - timestamp > toleranceSeconds) {" }],
    way: "from the future",
  },
  {
    without: "refusing a time that is near to nothing",
    changes: [{ file, from: time, to: "if (Math.abs(now / 1_000 - timestamp) > toleranceSeconds) {" }],
    way: "a time that is none",
    covered: {
      by: "the form of the time",
      changes: [{ file, from: "if (!/^\\d{10}$/u.test(time))", to: "if (false)" }],
    },
  },
  {
    without: "the form of the time",
    changes: [{ file, from: "if (!/^\\d{10}$/u.test(time))", to: "if (false)" }],
    way: "the body's beginning moved into the time",
  },
  {
    without: "the form of the id",
    changes: [{ file, from: "if (!/^[A-Za-z0-9_-]{1,256}$/u.test(id))", to: "if (false)" }],
    way: "the time moved into the id",
  },
  {
    without: "headers being there once",
    changes: [
      { file, from: "return values.length === 1 ? values[0] : undefined;", to: "return values.at(-1);" },
    ],
    way: "a header sent twice",
  },
  {
    without: "the one spelling of base64",
    changes: [{ file: inBase64, from: "if (btoa(binary) !== text) return undefined;", to: "" }],
    way: "the same bytes in another spelling",
  },
  {
    without: "all of the signature",
    changes: [
      {
        file,
        from: 'crypto.subtle.verify("HMAC", key, signature, signed)',
        to: 'crypto.subtle.sign("HMAC", key, signed).then((all) => new Uint8Array(all)[0] === signature[0])',
      },
      { file, from: 'false, ["verify"]', to: 'false, ["sign"]' },
    ],
    way: "one bit changed, late",
  },
  {
    without: "the version",
    changes: [
      { file, from: '.filter((entry) => entry.startsWith("v1,"))', to: "" },
      { file, from: 'entry.slice("v1,".length)', to: 'entry.replace(/^v\\w+,/u, "")' },
    ],
    way: "another version",
  },
  {
    without: "an end of the list",
    changes: [{ file, from: ".slice(0, mostSignatures)", to: "" }],
    way: "behind a thousand that are none",
  },
  {
    without: "the least length of a secret",
    changes: [{ file, from: "bytes.length < 24 ||", to: "" }],
    way: "with a secret that anybody guesses",
  },
];

type Message = { id: string; time: string; body: string; signature: string };

const secretOf = (bytes: Buffer): string => `whsec_${bytes.toString("base64")}`;

export const webhooks: Door = {
  title: "a webhook, as the client verifies it",
  holes,
  open: (changes, dice) => {
    const { verifyWebhook } = clientWith(changes);
    const [own, former, strangers] = [randomBytes(32), randomBytes(32), randomBytes(32)];
    const secret = secretOf(own);
    const at = String(now / 1_000);
    const body = '{"type":"action.approved","data":{"id":"act_1","amount":100}}';
    const id = "msg_genuine_1";
    const mac = (text: string, key = own): string => createHmac("sha256", key).update(text).digest("base64");
    const sign = (parts: Partial<Message> = {}, key = own): Message => {
      const message = { id, time: at, body, ...parts };
      return { ...message, signature: `v1,${mac(`${message.id}.${message.time}.${message.body}`, key)}` };
    };
    const headersOf = ({ id: name, time: when, signature }: Message) => ({
      "webhook-id": name,
      "webhook-timestamp": when,
      "webhook-signature": signature,
    });
    const check = (message: Message, more: object = {}): Promise<boolean> =>
      taken(
        verifyWebhook({ secret, headers: headersOf(message), body: message.body, now, ...more }),
        "bad_webhook",
      );
    const genuine = sign();
    const code = genuine.signature.slice(3);
    const signed = (signature: string): Message => ({ ...genuine, signature });
    const random = (length: number): string => mangled.randomText(dice, length, base64);
    const beyond = (): number => 301 + dice.below(1_000_000);
    const bit = (from: number): string => {
      const bytes = Buffer.from(code, "base64");
      const place = from + dice.below(bytes.length - from);
      bytes[place] = (bytes[place] ?? 0) ^ (1 << dice.below(8));
      return `v1,${bytes.toString("base64")}`;
    };
    const messages: Record<string, () => Message> = {
      "made up": () => signed(`v1,${random(43)}=`),
      "one bit changed": () => signed(bit(0)),
      "one bit changed, late": () => signed(bit(1)),
      "one character changed": () =>
        signed(`v1,${mangled.flipped(dice, code, { end: 42, alphabet: base64 })}`),
      "the same bytes in another spelling": () => {
        const text = code.slice(0, -1);
        const other = mangled.respelled(dice, text.replaceAll("+", "-").replaceAll("/", "_"), 2);
        const spellings = [`${other.replaceAll("-", "+").replaceAll("_", "/")}=`, text, `${text}\n=`];
        return signed(`v1,${dice.pick(spellings)}`);
      },
      "as base64url": () =>
        signed(
          `v1,${mac(`${id}.${at}.${body}`).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`,
        ),
      "cut off": () => signed(mangled.cutOff(dice, genuine.signature)),
      grown: () => signed(`${genuine.signature}${random(1 + dice.below(8))}`),
      "without a version": () => signed(dice.pick([code, `,${code}`, `v1${code}`, `v1:${code}`])),
      "another version": () => signed(`${dice.pick(["v2", "v1a", "v0", "v11", "V1"])},${code}`),
      "with white space in it": () => signed(`v1,${mangled.spaced(dice, code)}`),
      "in hex": () => signed(`v1,${Buffer.from(code, "base64").toString("hex")}`),
      "a hash without a secret": () =>
        signed(`v1,${createHash("sha256").update(`${id}.${at}.${body}`).digest("base64")}`),
      "another secret": () => sign({}, strangers),
      "a secret that is none any more": () => sign({}, former),
      "the secret as text": () => sign({}, Buffer.from(secret)),
      "another body": () => ({ ...genuine, body: body.replace("100", String(101 + dice.below(1_000_000))) }),
      "the body cut off": () => ({ ...genuine, body: mangled.cutOff(dice, body) }),
      "the body grown": () => ({ ...genuine, body: `${body}${dice.pick([" ", "\n", "{}", "0", "\u0000"])}` }),
      "the body spaced otherwise": () => ({
        ...genuine,
        body: JSON.stringify(JSON.parse(body), null, 1 + dice.below(8)),
      }),
      "under another id": () => ({ ...genuine, id: mangled.flipped(dice, id) }),
      "under a later time": () => ({ ...genuine, time: String(Number(at) + 1 + dice.below(299)) }),
      "under an earlier time": () => ({ ...genuine, time: String(Number(at) - 1 - dice.below(299)) }),
      stale: () => sign({ time: String(Number(at) - beyond()) }),
      "from the future": () => sign({ time: String(Number(at) + beyond()) }),
      // The signed text is the same and is read otherwise: its parts are cut at another dot.
      "the body's beginning moved into the time": () => {
        const [head, tail] = [dice.below(1_000), 1 + dice.below(1_000_000)];
        return { ...sign({ body: `${head}.${tail}` }), time: `${at}.${head}`, body: String(tail) };
      },
      "the time moved into the id": () => {
        const tail = 1 + dice.below(1_000_000);
        return { ...sign({ body: `${at}.${tail}` }), id: `${id}.${at}`, body: String(tail) };
      },
      "a time in another spelling": () => ({
        ...genuine,
        time: dice.pick([
          `+${at}`,
          `0${at}`,
          `${at}.0`,
          ` ${at}`,
          `${at} `,
          "1.8e9",
          `0x${Number(at).toString(16)}`,
          `${at}000`,
        ]),
      }),
      "a time that is none": () => sign({ time: dice.pick(["NaN", "now", "Infinity", "-1", "١٨٠٠٠٠٠٠٠٠"]) }),
      "an id that is none": () => sign({ id: dice.pick(["a b", "ä", "a.b", "x".repeat(257), "a\n"]) }),
      "nothing in a header": () => ({ ...genuine, [dice.pick(["id", "time", "signature"])]: "" }),
      "behind a thousand that are none": () =>
        signed(
          [
            ...Array.from({ length: 16 + dice.below(1_000) }, () => `v1,${random(43)}=`),
            genuine.signature,
          ].join(" "),
        ),
      "many that are none": () =>
        signed(Array.from({ length: 2 + dice.below(30) }, () => `v1,${random(43)}=`).join(" ")),
      "listed otherwise": () =>
        signed(
          dice.pick([
            `v1,${random(43)}=,${genuine.signature}`,
            `${genuine.signature};`,
            `\t${genuine.signature}`,
          ]),
        ),
      huge: () => signed(`v1,${random(1_000 + dice.below(7_000))}`),
      empty: () => signed(dice.pick(["v1,", "v1", ",", " ", "v1,="])),
    };
    const attacks = Object.fromEntries(
      Object.entries(messages).map(([name, forge]) => [name, () => check(forge())]),
    );
    return {
      genuine: async () => {
        const edge = dice.pick([0, 300, -300, dice.below(300)]);
        const two = signed(`v1,${random(43)}= ${genuine.signature}`);
        return (
          (await check(genuine)) &&
          (await check(sign({ time: String(Number(at) + edge) }))) &&
          (await check(two)) &&
          (await check(genuine, { secret: [secretOf(strangers), secret] }))
        );
      },
      attacks: {
        ...attacks,
        "a header sent twice": () => {
          const headers = headersOf(genuine);
          const name = dice.pick(["webhook-id", "webhook-timestamp", "webhook-signature"] as const);
          const twice = { [name]: ["x", headers[name]] };
          const spelt = { [name.toUpperCase()]: headers[name] };
          return check(genuine, { headers: { ...headers, ...dice.pick([twice, spelt]) } });
        },
        "a header left out": () => {
          const left = dice.pick(["webhook-id", "webhook-timestamp", "webhook-signature"]);
          const headers = Object.entries(headersOf(genuine)).filter(([name]) => name !== left);
          return check(genuine, { headers: Object.fromEntries(headers) });
        },
        "with a secret that anybody guesses": () => {
          const weak = Buffer.from(mangled.randomText(dice, dice.below(24), "a") || "a");
          return check(sign({}, weak), { secret: secretOf(weak) });
        },
        "another letter in the body's bytes": () => {
          const bytes = new Uint8Array(Buffer.from(body));
          const place = dice.below(bytes.length);
          bytes[place] = (bytes[place] ?? 0) ^ (1 << dice.below(8));
          return check(genuine, { body: bytes });
        },
      },
    };
  },
};
