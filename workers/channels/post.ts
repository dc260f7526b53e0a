import { forNow, permanently, type ChannelContext, type Told } from "./channel.ts";
import { sentBy } from "./webhook.ts";

/** As for a webhook: a lease on the outbox row runs meanwhile. */
const timeoutMs = 15_000;
/** What no later attempt can mend, because the body stays as it is. */
const bodyRefused: ReadonlySet<number> = new Set([400, 413, 422]);

/**
 * One POST of JSON to a service that takes it or not. Nothing of the answer is kept but its status and `Retry-After`; the
 * address may hold a secret, and stands in no error.
 */
export async function postJson(
  url: string,
  body: string,
  context: Pick<ChannelContext, "fetch" | "now">,
): Promise<Exclude<Told, "held">> {
  let response: Response;
  try {
    response = await context.fetch(url, {
      method: "POST",
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
      headers: { "content-type": "application/json", "user-agent": "Holdpoint/1" },
      body,
    });
  } catch (error) {
    const late = error instanceof Error && error.name === "TimeoutError";
    return forNow(late ? `no answer within ${timeoutMs / 1_000} s` : "the connection failed");
  }
  await response.body?.cancel().catch(() => undefined);
  if (bodyRefused.has(response.status)) return permanently(`answered ${response.status}`);
  return sentBy(response.status, response.headers.get("retry-after"), context.now());
}
