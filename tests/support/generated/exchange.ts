/** One request as it goes over the wire. */
export type Sent = {
  readonly method: string;
  /** With the query, as it is written: whatever the generator has put there. */
  readonly path: string;
  /** Without those that say how it is carried. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string | null;
};

/** What came back, to the byte. `text` is the body as UTF-8. */
export type Received = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
};

/** A request and its answer. */
export type Exchange = { readonly sent: Sent; readonly received: Received };

/** The value that a text says as JSON; undefined where it is none. */
export function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A request as one can send it again, without what proves who sent it. */
export function printed({ method, path, headers, body }: Sent): string {
  const { authorization: _, cookie: _cookie, ...rest } = headers;
  const text = body === null || typeof body === "string" ? body : Buffer.from(body).toString("latin1");
  const shown = text !== null && text.length > 4_000 ? `${text.slice(0, 4_000)}… (${text.length})` : text;
  return `${method} ${path} ${JSON.stringify(rest)} ${shown ?? "(no body)"}`;
}
