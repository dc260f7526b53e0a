import { createHash } from "node:crypto";
import type { Door, Hole } from "../campaign.ts";
import { Gate, type Sent } from "../gate.ts";
import * as mangled from "../mangled.ts";
import { authFile as auth, newKey, staffed } from "../staff.ts";

const file = "workers/routes/engine.ts";

const compared =
  'if (!timingSafeEqual(expected, Buffer.from(sha256Hex(given), "hex"))) throw unauthenticated();';

const holes: readonly Hole[] = [
  { without: "comparing it", changes: [{ file, from: compared, to: "" }], way: "made up" },
  {
    without: "all of it",
    changes: [
      {
        file,
        from: compared,
        to: "if (!configured.output.HOLDPOINT_SETUP_TOKEN.startsWith(given)) throw unauthenticated();",
      },
    ],
    way: "cut off",
  },
  {
    without: "its case",
    changes: [
      {
        file,
        from: "sha256Hex(configured.output.HOLDPOINT_SETUP_TOKEN)",
        to: "sha256Hex(configured.output.HOLDPOINT_SETUP_TOKEN.toLowerCase())",
      },
      { file, from: "sha256Hex(given)", to: "sha256Hex(given.toLowerCase())" },
    ],
    way: "one letter in the other case",
  },
  {
    without: "one being there",
    changes: [
      { file, from: "v.pipe(v.string(), v.minLength(24))", to: 'v.optional(v.string(), "undefined")' },
    ],
    way: "where the engine has none",
  },
  {
    without: "the least length of one",
    changes: [{ file, from: "v.pipe(v.string(), v.minLength(24))", to: "v.string()" }],
    way: "where the engine has a short one",
  },
  {
    without: "asking for the scheme",
    changes: [{ file: auth, from: "/^Bearer (", to: "/^(?:Bearer |Token )?(" }],
    way: "under another scheme",
  },
];

const token = "a-Setup-token.Of_this-engine0123456789";

export const setupToken: Door = {
  title: "the setup token",
  holes,
  open: (changes, dice) => {
    const { gate, acme } = staffed(changes, { HOLDPOINT_SETUP_TOKEN: token });
    const without = Gate.open(changes);
    const short = Gate.open(changes, { HOLDPOINT_SETUP_TOKEN: "short" });
    const operator = newKey(acme, "service:operator", { scopes: ["admin"] }).key;
    const sent = (authorization: string | null): Sent => ({
      method: "POST",
      path: "/v1/workspaces",
      headers: authorization === null ? [] : [["authorization", authorization]],
      body: JSON.stringify({ name: "made" }),
    });
    const bearing = (text: string): Sent => sent(`Bearer ${text}`);
    const alphabet = `${mangled.base62}-_.`;
    const requests: Record<string, () => Sent> = {
      "made up": () => bearing(mangled.randomText(dice, token.length, alphabet)),
      "one character changed": () => bearing(mangled.flipped(dice, token, { alphabet })),
      "one letter in the other case": () => bearing(mangled.otherCase(dice, token)),
      "cut off": () => bearing(token.slice(0, 24 + dice.below(token.length - 24))),
      "cut short": () => bearing(mangled.cutOff(dice, token)),
      "without its beginning": () => bearing(mangled.beheaded(dice, token)),
      grown: () => bearing(mangled.grown(dice, token, alphabet)),
      "grown in front": () => bearing(mangled.grownInFront(dice, token, alphabet)),
      "with white space in it": () => bearing(mangled.spaced(dice, token)),
      "with a letter of another alphabet": () => bearing(mangled.lookalike(dice, token)),
      "escaped as in an address": () => bearing(mangled.escaped(dice, token)),
      "its hash": () =>
        bearing(
          createHash("sha256")
            .update(token)
            .digest(dice.pick(["hex", "base64", "base64url"] as const)),
        ),
      "an operator's key": () => bearing(operator),
      "under another scheme": () =>
        sent(dice.pick([token, `Token ${token}`, `Basic ${btoa(`:${token}`)}`, `Bearer${token}`])),
      "in another place": () => ({
        ...sent(null),
        headers: [[dice.pick(["x-setup-token", "cookie", "proxy-authorization"]), `Bearer ${token}`]],
      }),
      "two at once": () => ({
        ...sent(null),
        headers: [
          ["authorization", `Bearer ${token}`],
          ["authorization", `Bearer ${token}`],
        ],
      }),
      "in the address": () => ({ ...sent(null), path: `/v1/workspaces?token=${token}` }),
      nothing: () => sent(dice.pick([null, "", "Bearer", "Bearer ", "Bearer undefined", "Bearer null"])),
      huge: () => bearing(`${token}${"0".repeat(600 + dice.below(7_000))}`),
    };
    const is = (to: Gate, request: Sent): Promise<boolean> => to.send(request).then((who) => who !== null);
    return {
      genuine: () => is(gate, bearing(token)),
      attacks: {
        ...Object.fromEntries(
          Object.entries(requests).map(([name, forge]) => [name, () => is(gate, forge())]),
        ),
        "where the engine has none": () => is(without, bearing(dice.pick(["undefined", "null", token, "0"]))),
        "where the engine has a short one": () => is(short, bearing("short")),
      },
    };
  },
};
