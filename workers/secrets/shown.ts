import { redact, textsOf } from "../../core/secrets/redact.ts";
import type { Problem } from "../../schemas/problem.ts";
import { knownIn } from "./rules.ts";

/**
 * Texts that say again what somebody has sent: a problem that names the field and the value that it is about, a question that is
 * written down. Whoever gets them keeps them where many read, so what is recognised as a secret in them is taken out.
 */
export async function withoutSecrets(texts: readonly string[]): Promise<string[]> {
  const value = { texts: [...texts] };
  const found = await knownIn(textsOf(value));
  const { texts: shown } = redact(value, {
    emails: false,
    markOf: (kind) => `[redacted ${kind}]`,
    found,
  }).value;
  return Array.isArray(shown) ? shown.map(String) : [];
}

/** What of a problem was made of a request: which fields are wrong, and how. One without fields says only what we have to say. */
export async function shownParts<Parts extends Pick<Problem, "detail" | "errors">>(
  parts: Parts,
): Promise<Parts> {
  const { detail, errors } = parts;
  if (errors === undefined || errors.length === 0) return parts;
  const texts = errors.flatMap((field) => [field.pointer, field.detail]);
  const [shown = "", ...fields] = await withoutSecrets([detail, ...texts]);
  return {
    ...parts,
    detail: shown,
    errors: errors.map((_, nth) => ({
      pointer: fields[2 * nth] ?? "",
      detail: fields[2 * nth + 1] ?? "",
    })),
  };
}
