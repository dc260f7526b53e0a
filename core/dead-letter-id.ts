/** One delivery: what happened to which action, and who was to hear of it. */
export type DeliveryName = { readonly action: string; readonly seq: number; readonly sink: string };

/**
 * The id of a dead letter, `<action>.<seq>.<sink as base64url>`: all that is needed to find it again, with no table of
 * its own. An action's id has no dot; a sink may hold a colon.
 */
export function deadLetterId({ action, seq, sink }: DeliveryName): string {
  const encoded = btoa(sink).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return `${action}.${seq}.${encoded}`;
}

/** The delivery an id names; null for text that `deadLetterId` does not make. */
export function parseDeadLetterId(id: string): DeliveryName | null {
  const match = /^(act_[A-Za-z0-9_-]{1,64})\.(\d{1,15})\.([A-Za-z0-9_-]{2,256})$/u.exec(id);
  const [, action, seq, encoded] = match ?? [];
  if (action === undefined || seq === undefined || encoded === undefined || encoded.length % 4 === 1) {
    return null;
  }
  const name = { action, seq: Number(seq), sink: atob(encoded.replaceAll("-", "+").replaceAll("_", "/")) };
  return deadLetterId(name) === id ? name : null;
}
