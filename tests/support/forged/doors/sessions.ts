import { vi } from "vitest";
import type { Door, Hole } from "../campaign.ts";
import { must, now, origin, type Sent } from "../gate.ts";
import {
  anyForm,
  anyHash,
  anyKind,
  anySessionKey,
  anySocket,
  foreignOrigins,
  fromElsewhere,
  noEnd,
  passesFile as sessionsFile,
  passTexts,
} from "../passes.ts";
import { anyPrincipal, authFile as auth, before, newKey, person, staffed } from "../staff.ts";

const hour = 3_600_000;

const known = "workers/known.ts";
const cookie = "workers/cookie.ts";
const page = "workers/origin.ts";

const holes: readonly Hole[] = [
  { without: "the hash", changes: [anyHash], way: "made up" },
  {
    without: "an end",
    changes: [noEnd],
    way: "over",
  },
  {
    without: "looking again whether one that is remembered is over",
    changes: [{ file: known, from: "now < cached.session.endsAt ?", to: "true ?" }],
    way: "over since it was remembered",
  },
  {
    without: "looking whether the key that it began with is in force",
    changes: [anySessionKey],
    way: "begun with a key that was revoked",
  },
  {
    without: "an end of what is remembered",
    changes: [{ file: known, from: "now - cached.checkedAt < freshMs", to: "true" }],
    way: "ended elsewhere since it was remembered",
  },
  {
    without: "forgetting it when somebody signs out",
    changes: [{ file: sessionsFile, from: 'deletePass(sql, "session", hash);', to: "" }],
    way: "signed out of",
  },
  {
    without: "looking whether the person is active",
    changes: [anyPrincipal],
    way: "of a person who is off",
  },
  {
    without: "the hash among what is remembered",
    changes: [
      { file: known, from: "sessions.get(hash)", to: "sessions.get(workspace)" },
      { file: known, from: "sessions.set(hash,", to: "sessions.set(workspace," },
    ],
    way: "made up",
  },
  {
    without: "the name of the cookie",
    changes: [{ file: cookie, from: "if (key === name)", to: 'if (key.endsWith("holdpoint"))' }],
    way: "a cookie that any host of the domain can set",
  },
  {
    without: "the origin of a write",
    changes: [{ file: page, from: "demandOwnOrigin(request, url);", to: "" }],
    way: "a write from another origin",
  },
  {
    without: "the end of the origin",
    changes: [
      {
        file: page,
        from: 'request.headers.get("origin") === url.origin',
        to: 'request.headers.get("origin")?.startsWith(url.origin) === true',
      },
    ],
    way: "a write from another origin",
  },
  {
    without: "the beginning of the origin",
    changes: [
      {
        file: page,
        from: 'request.headers.get("origin") === url.origin',
        to: 'request.headers.get("origin")?.endsWith(url.host) === true',
      },
    ],
    way: "a socket from another origin",
  },
  {
    without: "an origin being there at all",
    changes: [
      {
        file: page,
        from: 'request.headers.get("origin") === url.origin',
        to: '(request.headers.get("origin") ?? url.origin) === url.origin',
      },
    ],
    way: "a write from no origin",
  },
  {
    without: "the header that no form can set",
    changes: [{ file: page, from: 'request.headers.get("x-holdpoint-csrf") === "1"', to: "true" }],
    way: "a write without the header that no form can set",
  },
  {
    without: "the value of that header",
    changes: [
      {
        file: page,
        from: 'request.headers.get("x-holdpoint-csrf") === "1"',
        to: 'request.headers.has("x-holdpoint-csrf")',
      },
    ],
    way: "a write with another value of it",
  },
  {
    without: "asking where writes are from",
    changes: [
      {
        file: auth,
        from: 'else if (request.method !== "GET" && request.method !== "HEAD")',
        to: "else if (false)",
      },
    ],
    way: "a write that says it is a read",
  },
  {
    without: "asking where sockets are from",
    changes: [anySocket],
    way: "a socket from another origin",
  },
  {
    without: "the kind of the pass",
    changes: [anyKind],
    way: "another kind of pass",
    covered: {
      by: "the shape of what is stored of each kind",
      changes: [
        {
          file: sessionsFile,
          from: "findPass(sql, SessionRecord,",
          to: "findPass(sql, v.looseObject({ keyId: v.string() }),",
        },
      ],
    },
  },
  {
    without: "the form of the text",
    changes: [anyForm],
    way: "grown",
    covered: { by: "the hash, which is of the whole text", changes: [anyHash] },
  },
  {
    without: "the workspace among what is asked",
    changes: [
      { file: known, from: "registryOf(env, workspace).session(", to: 'registryOf(env, "acme").session(' },
    ],
    way: "ours for another workspace",
    covered: { by: "the hash, which is of the workspace too", changes: [anyHash] },
  },
];

const csrf = ["x-holdpoint-csrf", "1"] as const;

export const sessions: Door = {
  title: "a session",
  holes,
  open: (changes, dice) => {
    const { gate, acme, rival } = staffed(changes);
    const begin = (registry: typeof acme, who: string, more: { at?: number; keyId?: string } = {}) => {
      const { at = before, keyId = newKey(registry, "person:alice").id } = more;
      const link = must(registry.createLink({ person: who, keyId, actor: "test", now: at }));
      return { link: link.text, ...must(registry.signIn({ hash: gate.hash(link.text), now: at })) };
    };
    // What is over is thrown away when the next one is made, so that it is made last.
    const old = [12 * hour, 12 * hour + 1, 12 * hour + 1_000].map(
      (ago) => begin(acme, "person:bob", { at: now - ago }).text,
    );
    const signedOut = begin(acme, "person:bob", { at: now - hour }).text;
    const key = newKey(acme, "person:alice");
    const withdrawn = begin(acme, "person:bob", { at: now - hour, keyId: key.id }).text;
    must(acme.revokeKey({ id: key.id, now: now - 1 }));
    gate.person("acme", person("leaver", true));
    const off = begin(acme, "person:leaver", { at: now - hour }).text;
    gate.person("acme", person("leaver", false));
    const genuine = begin(acme, "person:bob", { at: now - hour + 1 });
    const elsewhere = begin(rival, "person:bob", { at: now - hour }).text;
    const link = must(
      acme.createLink({
        person: "person:bob",
        keyId: newKey(acme, "person:alice").id,
        actor: "test",
        now: now - 60_000,
      }),
    );
    const ticket = acme.createTicket({ holder: genuine.session.id, now: now - 20_000 }).text;
    acme.endSession({ hash: gate.hash(signedOut), now: now - 1 });

    const shown = (text: string, name = "__Host-holdpoint"): Sent => ({
      headers: [["cookie", `${name}=${text}`]],
    });
    const texts = passTexts(dice, {
      genuine: () => genuine.text,
      elsewhere,
      strange: [genuine.link, link.text, ticket, key.key],
      former: {
        over: () => dice.pick(old),
        "signed out of": () => signedOut,
        "begun with a key that was revoked": () => withdrawn,
        "of a person who is off": () => off,
      },
    });
    const requests: Record<string, () => Sent> = {
      ...Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, () => shown(text())])),
      ...fromElsewhere(dice, origin, shown(genuine.text)),
      "a cookie that any host of the domain can set": () =>
        shown(
          genuine.text,
          dice.pick([
            "holdpoint",
            "__host-holdpoint",
            "__Secure-holdpoint",
            "x__Host-holdpoint",
            "holdpoint-443",
          ]),
        ),
      "behind one that is forged": () => ({
        headers: [["cookie", `__Host-holdpoint=${texts["made up"]?.()}; __Host-holdpoint=${genuine.text}`]],
      }),
      "in another place": () => ({
        headers: [[dice.pick(["x-cookie", "set-cookie", "cookie2"]), `__Host-holdpoint=${genuine.text}`]],
      }),
      "as a bearer": () => ({ headers: [["authorization", `Bearer ${genuine.text}`]] }),
    };
    const is = (sent: Sent): Promise<boolean> => gate.send(sent).then((who) => who !== null);
    const later = async (text: string, atMs: number, meanwhile: () => void): Promise<boolean> => {
      try {
        vi.setSystemTime(atMs - 1);
        if (!(await is(shown(text)))) throw new Error("the session should have been remembered");
        meanwhile();
        vi.setSystemTime(atMs + dice.below(3));
        return await is(shown(text));
      } finally {
        vi.setSystemTime(now);
      }
    };
    return {
      genuine: async () =>
        (await is(shown(genuine.text))) &&
        (await is({
          ...shown(genuine.text),
          method: "POST",
          headers: [...shown(genuine.text).headers, csrf, ["origin", origin]],
        })),
      attacks: {
        ...Object.fromEntries(Object.entries(requests).map(([name, forge]) => [name, () => is(forge())])),
        "over since it was remembered": () => {
          const { text } = begin(rival, "person:bob", { at: now });
          return later(text, now + 12 * hour, () => undefined);
        },
        "ended elsewhere since it was remembered": async () => {
          const { text } = begin(rival, "person:bob", { at: now });
          if (!(await is(shown(text)))) throw new Error("the session should have been remembered");
          rival.endSession({ hash: gate.hash(text), now });
          vi.setSystemTime(now + 5_000 + dice.below(1_000));
          return is(shown(text)).finally(() => vi.setSystemTime(now));
        },
        "every other origin": async () => {
          for (const from of foreignOrigins(dice, origin)) {
            const headers = [...shown(genuine.text).headers, csrf, ["origin", from] as const];
            if (await is({ method: "POST", headers })) return true;
          }
          return false;
        },
      },
    };
  },
};
