import type * as v from "valibot";
import { otherOperators } from "../../core/operators.ts";
import { workspaceOfPass } from "../../core/pass-text.ts";
import { readerIn } from "../../core/reader.ts";
import { freshMs } from "../../core/session.ts";
import {
  LinkAnswer,
  LinkBody,
  SessionView,
  SignedInAnswer,
  SignedOutAnswer,
  SignInBody,
  TicketAnswer,
} from "../../schemas/session.ts";
import { NoFields } from "../../schemas/webhook-view.ts";
import { holds, sha256Hex, unauthenticated } from "../auth.ts";
import { sessionCookie, sessionCookieOf } from "../cookie.ts";
import { ProblemError } from "../http/problem.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { once } from "../idempotency.ts";
import { forget } from "../known.ts";
import { demandOwnPage } from "../origin.ts";
import { refuseWith } from "../refuse.ts";
import { registryOf } from "../stubs.ts";

const instant = (ms: number): string => new Date(ms).toISOString();

/**
 * A link that signs one person in, once. The token is behind the `#`, which a browser sends to nobody, so that neither a
 * log nor a scanner that opens the link has it.
 */
const makeLink = (call: Call<v.InferOutput<typeof LinkBody>>): Promise<Answer> =>
  once(call, async () => {
    const { principal, snapshot, env, url, now } = call;
    const person = call.body.person ?? principal.id;
    if (principal.signedInAt !== undefined) throw refused("A session makes no further one. Use a key.");
    const own = person === principal.id && principal.kind === "person" && holds(principal, "votes:write");
    if (!own && !holds(principal, "admin")) {
      throw refused("A person's key that may vote makes links for that person, an operator's for everyone.");
    }
    if (!own && snapshot.policy !== null && otherOperators(snapshot.directory, principal.id) > 0) {
      throw refused(
        "With a second operator nobody signs in as somebody else: each person makes links with their own key.",
      );
    }
    const input = { person, keyId: principal.keyId, actor: principal.id, now };
    const made = refuseWith(await registryOf(env, principal.workspace).createLink(input));
    const body = {
      url: `${url.origin}/sign-in#${made.text}`,
      person,
      expiresAt: instant(made.expiresAt),
    };
    return { status: 201, body };
  });

const refused = (detail: string): ProblemError => new ProblemError("forbidden", { detail });

/** Uses a link up for a session. From our own page only: nobody is to be signed in as somebody else from another site. */
async function signIn(call: Call<v.InferOutput<typeof SignInBody>>): Promise<Answer> {
  const { request, env, url, now, body } = call;
  demandOwnPage(request, url);
  const workspace = workspaceOfPass(body.token);
  if (workspace === null || workspace === "engine") throw unauthenticated();
  const made = refuseWith(await registryOf(env, workspace).signIn({ hash: sha256Hex(body.token), now }));
  const cookie = sessionCookie(env, url, { text: made.text, maxAgeMs: made.expiresAt - now });
  const { person, signedInAt } = made.session;
  const answer = { person, signedInAt: instant(signedInAt) };
  return { status: 201, body: answer, headers: { "set-cookie": cookie } };
}

function showSession(call: Call<unknown>): Answer {
  const { principal, snapshot, standing, now } = call;
  const { workspace, id: person, scopes, signedInAt } = principal;
  if (signedInAt === undefined) throw unauthenticated();
  const { directory } = snapshot;
  const body: SessionView = {
    workspace,
    name: directory.people[person]?.name ?? person.slice("person:".length),
    ...readerIn(directory, person, now),
    operator: directory.groups["operators"]?.members.includes(person) === true,
    scopes: [...scopes],
    signedInAt: instant(signedInAt),
    freshUntil: instant(signedInAt + freshMs),
    signedInBy: standing.holder.kind === "access" ? "access" : "link",
  };
  return { body };
}

async function signOut(call: Call<unknown>): Promise<Answer> {
  const { request, env, url, principal, now } = call;
  const text = sessionCookieOf(request, env, url);
  if (text !== null && principal.signedInAt !== undefined) {
    await registryOf(env, principal.workspace).endSession({ hash: sha256Hex(text), now });
    forget(principal.workspace);
  }
  const headers = { "set-cookie": sessionCookie(env, url, { text: "", maxAgeMs: 0 }) };
  return { body: { signedOut: true }, headers };
}

async function makeTicket({ principal, env, now }: Call<unknown>): Promise<Answer> {
  const made = await registryOf(env, principal.workspace).createTicket({ holder: principal.keyId, now });
  return { status: 201, body: { ticket: made.text, expiresAt: instant(made.expiresAt) } };
}

export const sessionRoutes: readonly Route[] = [
  withBody({
    method: "POST",
    path: "/v1/sign-in-links",
    summary: "Make a link that signs a person in on the page, once and within five minutes",
    scope: "any",
    tag: "session",
    body: LinkBody,
    answer: { status: 201, schema: LinkAnswer },
    refuses: [404],
    handle: makeLink,
  }),
  {
    method: "GET",
    path: "/v1/session",
    summary: "Who is signed in on the page",
    scope: "any",
    tag: "session",
    answer: { status: 200, schema: SessionView },
    handle: showSession,
  },
  withBody({
    method: "POST",
    path: "/v1/session",
    summary: "Sign in with a link's token; from the engine's own page only",
    scope: null,
    tag: "session",
    body: SignInBody,
    answer: { status: 201, schema: SignedInAnswer },
    refuses: [401, 403],
    handle: signIn,
  }),
  {
    method: "DELETE",
    path: "/v1/session",
    summary: "Sign out",
    scope: "any",
    tag: "session",
    answer: { status: 200, schema: SignedOutAnswer },
    handle: signOut,
  },
  withBody({
    method: "POST",
    path: "/v1/tickets",
    summary: "A ticket that opens one WebSocket within thirty seconds, for this caller only",
    scope: "actions:read",
    tag: "session",
    body: NoFields,
    answer: { status: 201, schema: TicketAnswer },
    handle: makeTicket,
  }),
];
