import type { Door, Hole } from "../campaign.ts";
import { must, now, origin, type Sent } from "../gate.ts";
import {
  anyForm,
  anyHash,
  anyKind,
  anySessionKey,
  anySocket,
  foreignOrigins,
  noEnd,
  passesFile as sessions,
  passTexts,
} from "../passes.ts";
import { anyPrincipal, newKey, person, staffed } from "../staff.ts";

const minute = 60_000;

const routes = "workers/routes/session.ts";
const board = "workers/routes/board.ts";

const linkHoles: readonly Hole[] = [
  {
    without: "using it up",
    changes: [{ file: sessions, from: 'deletePass(sql, "link", hash);', to: "" }],
    way: "used again",
  },
  { without: "the hash", changes: [anyHash], way: "made up" },
  { without: "an end", changes: [noEnd], way: "over" },
  {
    without: "looking whether the key that made it is in force",
    changes: [{ file: sessions, from: "|| liveKey(sql, link.keyId, null, now) === null", to: "" }],
    way: "made with a key that was revoked",
    covered: {
      by: "the session, which ends with the same key: what it begins lets nobody in",
      changes: [anySessionKey],
    },
  },
  {
    without: "looking whether the person is active",
    changes: [{ file: sessions, from: "!isActive(sql, link.person) ||", to: "" }],
    way: "for a person who is off",
    covered: {
      by: "the session, which is nobody's who is off",
      changes: [anyPrincipal],
    },
  },
  {
    without: "asking which page it is used on",
    changes: [{ file: routes, from: "demandOwnPage(request, url);", to: "" }],
    way: "used by another site",
  },
  {
    without: "the kind of the pass",
    changes: [anyKind],
    way: "another kind of pass",
    covered: {
      by: "the shape of what is stored of each kind",
      changes: [
        {
          file: sessions,
          from: "findPass(sql, LinkRecord,",
          to: "findPass(sql, v.object({ person: PersonId, keyId: v.string() }),",
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
      { file: routes, from: "registryOf(env, workspace).signIn(", to: 'registryOf(env, "acme").signIn(' },
    ],
    way: "ours for another workspace",
    covered: { by: "the hash, which is of the workspace too", changes: [anyHash] },
  },
];

const page = [
  ["origin", origin],
  ["x-holdpoint-csrf", "1"],
] as const;
const signIn = (token: unknown, headers: Sent["headers"] = page): Sent => ({
  method: "POST",
  path: "/v1/session",
  headers,
  body: JSON.stringify({ token }),
});

export const links: Door = {
  title: "a sign-in link",
  holes: linkHoles,
  open: (changes, dice) => {
    const { gate, acme, rival } = staffed(changes);
    const own = newKey(acme, "person:alice").id;
    const revoked = newKey(acme, "person:alice").id;
    gate.person("acme", person("leaver", true));
    const link = (
      at: number,
      more: { registry?: typeof acme; keyId?: string; who?: string } = {},
    ): string => {
      const { registry = acme, keyId = own, who = "person:bob" } = more;
      return must(registry.createLink({ person: who, keyId, actor: "test", now: at })).text;
    };
    const at = now - 2 * minute;
    const ofNobody = link(at, { keyId: revoked });
    const ofSomebodyOff = link(at, { who: "person:leaver" });
    must(acme.revokeKey({ id: revoked, now: now - 1 }));
    gate.person("acme", person("leaver", false));
    const elsewhere = link(at, { registry: rival, keyId: newKey(rival, "person:alice").id });
    const used = must(acme.signIn({ hash: gate.hash(link(at + 1)), now: at + 1 }));
    const ticket = acme.createTicket({ holder: used.session.id, now: now - 20_000 }).text;
    let unused = link(at + 2);
    const texts = passTexts(dice, {
      genuine: () => unused,
      elsewhere,
      strange: [used.text, ticket],
      former: {
        // Made anew: what is over is thrown away with the next sign-in.
        over: () => link(now - 5 * minute - dice.below(1_000)),
        "made with a key that was revoked": () => ofNobody,
        "for a person who is off": () => ofSomebodyOff,
      },
    });
    /** It gets in who is somebody on the page afterwards. */
    const isIn = async (sent: Sent): Promise<boolean> => {
      const cookie = await gate.cookieOf(sent);
      if (cookie === null) return false;
      return (await gate.send({ headers: [["cookie", cookie]] })) !== null;
    };
    const odd: readonly unknown[] = [null, 1, true, [], {}, [unused], { token: unused }];
    const requests: Record<string, () => Sent> = {
      ...Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, () => signIn(text())])),
      "of another type": () => signIn(dice.pick(odd)),
      "used by another site": () =>
        signIn(
          unused,
          dice.pick([
            [
              ["x-holdpoint-csrf", "1"],
              ["origin", dice.pick(foreignOrigins(dice, origin))],
            ],
            [["x-holdpoint-csrf", "1"]],
            [["origin", origin]],
            [],
          ] as const),
        ),
      "in the address": () => ({ ...signIn("", page), path: `/v1/session?token=${unused}` }),
      "as a cookie": () => ({ headers: [["cookie", `__Host-holdpoint=${unused}`]] }),
    };
    return {
      genuine: async () => {
        const taken = await isIn(signIn(unused));
        unused = link(at + 2);
        return taken;
      },
      attacks: {
        ...Object.fromEntries(
          Object.entries(requests).map(([name, forge]) => [
            name,
            async () => {
              const sent = forge();
              if (name === "as a cookie") return (await gate.send(sent)) !== null;
              return isIn(sent);
            },
          ]),
        ),
        "used again": async () => {
          const text = unused;
          if (!(await isIn(signIn(text)))) throw new Error("the link should have been good once");
          unused = link(at + 2);
          return isIn(signIn(text));
        },
      },
    };
  },
};

const ticketHoles: readonly Hole[] = [
  {
    without: "using it up",
    changes: [{ file: sessions, from: 'deletePass(sql, "ticket", hash);', to: "" }],
    way: "used again",
  },
  {
    without: "whose it is",
    changes: [{ file: sessions, from: "return ticket.holder === holder;", to: "return true;" }],
    way: "a colleague's",
  },
  { without: "an end", changes: [noEnd], way: "over" },
  {
    without: "the hash",
    changes: [anyHash, { file: sessions, from: "return ticket.holder === holder;", to: "return true;" }],
    way: "made up",
  },
  {
    without: "its being used up by whoever shows it",
    changes: [
      {
        file: sessions,
        from: 'deletePass(sql, "ticket", hash);',
        to: 'if (ticket.holder === holder) deletePass(sql, "ticket", hash);',
      },
    ],
    way: "shown by somebody else before",
  },
  {
    without: "asking where the socket is from",
    changes: [{ file: board, from: "demandOwnOrigin(request, url);", to: "" }, anySocket],
    way: "from another origin",
  },
  {
    without: "asking it a second time",
    changes: [{ file: board, from: "demandOwnOrigin(request, url);", to: "" }],
    way: "with a key, from another origin",
  },
  {
    without: "the workspace that it names",
    changes: [{ file: board, from: "workspaceOfPass(ticket) === workspace", to: "true" }],
    way: "ours for another workspace",
    covered: {
      by: "the hash, which is of the workspace too",
      changes: [anyHash, { file: sessions, from: "return ticket.holder === holder;", to: "return true;" }],
    },
  },
  {
    without: "the kind of the pass",
    changes: [anyKind],
    way: "another kind of pass",
    covered: {
      by: "the shape of what is stored of each kind",
      changes: [
        {
          file: sessions,
          from: "findPass(sql, TicketRecord,",
          to: "findPass(sql, v.looseObject({ holder: v.optional(v.string()) }),",
        },
        { file: sessions, from: "return ticket.holder === holder;", to: "return true;" },
      ],
    },
  },
];

export const tickets: Door = {
  title: "a ticket",
  holes: ticketHoles,
  open: (changes, dice) => {
    const { gate, acme, rival } = staffed(changes);
    const keyId = newKey(acme, "person:alice").id;
    const begin = (registry: typeof acme, who: string, made: string) => {
      const link = must(registry.createLink({ person: who, keyId: made, actor: "test", now: now - minute }));
      return must(registry.signIn({ hash: gate.hash(link.text), now: now - minute }));
    };
    const [bob, kim] = [begin(acme, "person:bob", keyId), begin(acme, "person:kim", keyId)];
    const there = begin(rival, "person:bob", newKey(rival, "person:alice").id);
    const service = newKey(acme, "service:reader");
    const ticket = (at: number, holder = bob.session.id, registry = acme): string =>
      registry.createTicket({ holder, now: at }).text;
    let unused = ticket(now - 1);
    const link = must(acme.createLink({ person: "person:bob", keyId, actor: "test", now: now - 1 })).text;
    const texts = passTexts(dice, {
      genuine: () => unused,
      elsewhere: ticket(now - 1, there.session.id, rival),
      strange: [bob.text, link],
      former: { over: () => ticket(now - 30_000 - dice.below(1_000)) },
    });
    const cookie = ["cookie", `__Host-holdpoint=${bob.text}`] as const;
    const socket = ["upgrade", "websocket"] as const;
    const opens = (text: string, headers: Sent["headers"] = [cookie, socket, ["origin", origin]]): Sent => ({
      path: `/v1/board/stream?ticket=${encodeURIComponent(text)}`,
      headers,
    });
    const isIn = async (sent: Sent): Promise<boolean> => (await gate.send(sent)) !== null;
    const foreign = () => dice.pick(foreignOrigins(dice, origin));
    const requests: Record<string, () => Sent> = {
      ...Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, () => opens(text())])),
      "from another origin": () => opens(unused, [cookie, socket, ["origin", foreign()]]),
      "from no origin": () => opens(unused, [cookie, socket]),
      "without anybody behind it": () => opens(unused, [socket, ["origin", origin]]),
      "given twice": () => ({ ...opens(unused), path: `/v1/board/stream?ticket=${unused}&ticket=${unused}` }),
      "given under another name": () => ({ ...opens(unused), path: `/v1/board/stream?Ticket=${unused}` }),
    };
    return {
      genuine: async () => {
        const taken = await isIn(opens(unused));
        unused = ticket(now - 1);
        return taken;
      },
      attacks: {
        ...Object.fromEntries(Object.entries(requests).map(([name, forge]) => [name, () => isIn(forge())])),
        "a colleague's": () => isIn(opens(ticket(now - 1, kim.session.id))),
        "with a key, from another origin": () => {
          const bearer = ["authorization", `Bearer ${service.key}`] as const;
          return isIn(opens(ticket(now - 1, service.id), [bearer, socket, ["origin", foreign()]]));
        },
        "used again": async () => {
          const text = ticket(now - 1);
          if (!(await isIn(opens(text)))) throw new Error("the ticket should have been good once");
          return isIn(opens(text));
        },
        "shown by somebody else before": async () => {
          const text = ticket(now - 1);
          const other = ["cookie", `__Host-holdpoint=${kim.text}`] as const;
          if (await isIn(opens(text, [other, socket, ["origin", origin]]))) return true;
          return isIn(opens(text));
        },
      },
    };
  },
};
