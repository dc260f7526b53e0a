import { type Received, type Sent, valueOf } from "./exchange.ts";

/** Wrong answers, made of right ones: what the proxy has to see. Each with a request whose right answer it is made of. */

export type Doctoring = {
  readonly ask: Pick<Sent, "method" | "path"> & { readonly body?: string };
  readonly doctor: (received: Received) => Received;
};

const whoami = { method: "GET", path: "/v1/whoami" };
const keys = { method: "GET", path: "/v1/keys" };
const nothing = { method: "GET", path: `/v1/actions/act_${"x".repeat(22)}` };
const ticket = { method: "POST", path: "/v1/tickets", body: "{}" };

/** The same with another body. */
const said = (received: Received, change: (body: Record<string, unknown>) => object): Received => {
  const value = valueOf(received.text);
  return { ...received, text: JSON.stringify(change({ ...Object(value) })) };
};
const without = (received: Received, name: string): Received => {
  const { [name]: _, ...headers } = received.headers;
  return { ...received, headers };
};
const typed = (received: Received, type: string): Received => ({
  ...received,
  headers: { ...received.headers, "content-type": type },
});
const inFirst = (body: Record<string, unknown>, more: object): object => {
  const [first, ...rest] = body["items"] as object[];
  return { ...body, items: [{ ...first, ...more }, ...rest] };
};

export const doctorings: Readonly<Record<string, Doctoring>> = {
  "a status that is not described": { ask: whoami, doctor: (one) => ({ ...one, status: 203 }) },
  "a failure of the engine": { ask: nothing, doctor: (one) => ({ ...one, status: 500 }) },
  "a 503 that nothing has brought about": { ask: nothing, doctor: (one) => ({ ...one, status: 503 }) },
  "a property left out": {
    ask: whoami,
    doctor: (one) => said(one, (body) => ({ ...body, scopes: undefined })),
  },
  "a property of another type": {
    ask: whoami,
    doctor: (one) => said(one, (body) => ({ ...body, keyId: 7 })),
  },
  "a property that is not described": {
    ask: whoami,
    doctor: (one) => said(one, (body) => ({ ...body, secret: "x" })),
  },
  "a property that is not described, in a list": {
    ask: keys,
    doctor: (one) => said(one, (body) => inFirst(body, { hash: "x" })),
  },
  "a null that is not described, in a list": {
    ask: keys,
    doctor: (one) => said(one, (body) => inFirst(body, { principal: null })),
  },
  "a list where an object is described": { ask: whoami, doctor: (one) => ({ ...one, text: "[]" }) },
  "a body that is cut off": { ask: whoami, doctor: (one) => ({ ...one, text: one.text.slice(0, -1) }) },
  "no body": { ask: whoami, doctor: (one) => ({ ...one, text: "" }) },
  "another content type": { ask: whoami, doctor: (one) => typed(one, "text/html") },
  "no content type": { ask: whoami, doctor: (one) => without(one, "content-type") },
  "a security header left out": { ask: whoami, doctor: (one) => without(one, "x-content-type-options") },
  "a problem as plain JSON": { ask: nothing, doctor: (one) => typed(one, "application/json") },
  "a code that is not in the table": {
    ask: nothing,
    doctor: (one) => said(one, (body) => ({ ...body, code: "lost" })),
  },
  "the code of another status": {
    ask: nothing,
    doctor: (one) => said(one, (body) => ({ ...body, code: "gone" })),
  },
  "a problem whose own status is another": {
    ask: nothing,
    doctor: (one) => said(one, (body) => ({ ...body, status: 410 })),
  },
  "HEAD with a body": {
    ask: { ...whoami, method: "HEAD" },
    doctor: (one) => ({ ...one, text: "{}" }),
  },
  "a method that nobody described": {
    ask: { ...whoami, method: "PATCH" },
    doctor: (one) => ({ ...one, status: 200 }),
  },
  "a 405 that does not say what is allowed": {
    ask: { ...whoami, method: "PATCH" },
    doctor: (one) => without(one, "allow"),
  },
  "a 401 that does not say how to come back": {
    ask: { method: "GET", path: "/v1/whoami?nobody" },
    doctor: (one) => without(one, "www-authenticate"),
  },
  "a body that the document refuses, taken": {
    ask: { ...ticket, body: '{"surprise":1}' },
    doctor: (one) => ({
      ...typed(one, "application/json"),
      status: 201,
      text: '{"ticket":"x","expiresAt":"2026-01-31T12:00:00.000Z"}',
    }),
  },
};
