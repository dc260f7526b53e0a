import { DurableObject } from "cloudflare:workers";
import type { Fanout } from "../../workers/index.ts";
import { headersOf, type Page, placeOf } from "./page.ts";

/**
 * What Cloudflare has around the Worker and plain workerd has not: static files and a cron. The engine behind it is the very
 * bundle that would be deployed.
 */
type FrontEnv = {
  readonly ENGINE: Fetcher;
  /** The engine's consumers, of which the sweep is one. */
  readonly CONSUMERS: Service<Fanout>;
  /** A folder with the files of the page. */
  readonly FILES: Fetcher;
  readonly PAGE: Page;
  readonly TIMER: DurableObjectNamespace<Timer>;
  readonly SWEEP_MS: number;
  /** Such as `https://holdpoint.example.com`; left out, a request's own Host says what the engine is called. */
  readonly ORIGIN?: string;
};

/** A sweep that takes longer is no longer waited for: the next one is not to wait for ever. */
const longestSweepMs = 600_000;
/** How often the timer is looked after while requests come in. */
const lookMs = 60_000;

/**
 * Drives the sweep that a cron trigger drives elsewhere. Its alarm is on disk, so that a kill ends neither it nor what it would have
 * found.
 */
export class Timer extends DurableObject<FrontEnv> {
  /** Sets the alarm where there is none, or where a clock that was put back has left it far ahead. */
  async keep(): Promise<void> {
    const next = Date.now() + this.env.SWEEP_MS;
    const set = await this.ctx.storage.getAlarm();
    if (set === null || set > next) await this.ctx.storage.setAlarm(next);
  }

  override async alarm(): Promise<void> {
    // First, and nothing below throws: an alarm that fails too often would be gone for good.
    await this.ctx.storage.setAlarm(Date.now() + this.env.SWEEP_MS);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("it takes too long")), longestSweepMs);
    });
    try {
      const { failed } = await Promise.race([this.env.CONSUMERS.sweep(Date.now()), over]);
      if (failed > 0) console.error(`The sweep: ${failed} failed and will be tried again.`);
    } catch (error) {
      console.error("The sweep failed and will be tried again:", error);
    } finally {
      clearTimeout(timer);
    }
  }
}

let lookedAt = 0;

/** One look a minute at most; what fails is looked at again with the next request. */
async function keepTime(env: FrontEnv): Promise<void> {
  const now = Date.now();
  if (Math.abs(now - lookedAt) < lookMs) return;
  lookedAt = now;
  try {
    await env.TIMER.getByName("sweep").keep();
  } catch (error) {
    lookedAt = 0;
    console.error("The timer of the sweep could not be looked after:", error);
  }
}

/**
 * An address of the engine's goes to the engine, with the origin that people know it by. Anything else is the page's, for GET and
 * HEAD alone.
 */
async function answer(request: Request, env: FrontEnv): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const place = placeOf(pathname, env.PAGE);
  if (place === "engine") {
    if (env.ORIGIN === undefined) return env.ENGINE.fetch(request);
    return env.ENGINE.fetch(new Request(`${env.ORIGIN}${pathname}${search}`, request));
  }
  const headers = headersOf(place.file, env.PAGE);
  if (request.method !== "GET" && request.method !== "HEAD") {
    return new Response(null, { status: 405, headers: { ...refusalOf(headers), allow: "GET, HEAD" } });
  }
  if (hasIt(request, headers)) return new Response(null, { status: 304, headers });
  const file = await env.FILES.fetch(`http://page${place.file}`);
  if (!file.ok) return new Response(null, { status: 503, headers: refusalOf(headers) });
  return new Response(request.method === "HEAD" ? null : file.body, { headers });
}

/** Whether the browser has the file already. A proxy that compresses makes the tag a weak one. */
function hasIt(request: Request, { etag = "" }: Record<string, string>): boolean {
  const known = (request.headers.get("if-none-match") ?? "").split(",").map((tag) => tag.trim());
  return known.includes(etag) || known.includes(`W/${etag}`);
}

/** The same defences, without what is true of the file alone. */
function refusalOf(headers: Record<string, string>): Record<string, string> {
  const { "content-type": _type, etag: _etag, ...others } = headers;
  return { ...others, "cache-control": "no-store" };
}

export default {
  fetch: (request, env, context) => {
    context.waitUntil(keepTime(env));
    return answer(request, env);
  },
} satisfies ExportedHandler<FrontEnv>;
