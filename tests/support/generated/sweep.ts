import { ofBytes } from "../bad-bodies.ts";
import { limits } from "../../../schemas/limits.ts";
import type { Document } from "../described.ts";
import { type Line, linesOf, type Requests, socketHeaders } from "./requests.ts";
import type { Stage } from "./stage.ts";

/** Once through every operation with each thing that it refuses for the door's sake, so that these are met whatever the dice say. */

const unknown = `act_${"x".repeat(22)}`;
const tooLarge = ofBytes(limits.bodyBytes + 1);

/** Somebody with a right key that is for something else. */
const wrongFor = (line: Line): string => (line.operation["x-scope"] === "metrics:read" ? "demo" : "scraper");

/** Somebody who may. */
export function rightFor({ method, operation, path }: Line): string {
  if (path === "/v1/session") return method === "POST" ? "the page" : "carol on the page";
  return operation["x-scope"] === "actions:request" ? "demo" : "omar";
}

export async function sweep(stage: Stage, document: Document, drawing: Requests): Promise<void> {
  for (const line of linesOf(document)) {
    const { method, path, operation } = line;
    const schema = operation.requestBody?.content["application/json"]?.schema;
    const address = path.replaceAll(/\{\w+\}/gu, unknown);
    const body = schema === undefined ? null : JSON.stringify(drawing.bodyOf(schema));
    const type = body === null ? {} : { "content-type": "application/json" };
    const socket = operation.responses["101"] === undefined ? {} : socketHeaders;
    const send = (who: string, sent: string | null, more: Record<string, string> = {}): Promise<unknown> =>
      stage.send({ method, path: address, headers: { ...stage.callers[who], ...type, ...more }, body: sent });
    const right = rightFor(line);
    await send("stranger", body);
    await send(wrongFor(line), body, socket);
    await send("carol on another page", body);
    await send(right, body, { "idempotency-key": "x".repeat(256) });
    await send(right, body, socket);
    // No text at all, once it is decoded.
    if (path.includes("{")) await insist(stage, drawing, line, "%ff", 404);
    if (body === null) continue;
    for (const bad of ['{"surprise":1}', "{", tooLarge]) await send(right, bad);
  }
}

/** Everything about one action: what an erased one answers. */
export async function sweepOf(
  stage: Stage,
  document: Document,
  drawing: Requests,
  id: string,
): Promise<void> {
  for (const line of linesOf(document)) {
    if (!line.path.startsWith("/v1/actions/{id}")) continue;
    await insist(stage, drawing, line, id, 410);
  }
}

/** Bodies are drawn until one gets past the rules for bodies, some of which the document has in words only. */
const tries = 30;

async function insist(
  stage: Stage,
  drawing: Requests,
  line: Line,
  id: string,
  status: number,
): Promise<void> {
  const { method, path, operation } = line;
  const schema = operation.requestBody?.content["application/json"]?.schema;
  const socket = operation.responses["101"] === undefined ? {} : socketHeaders;
  const type = schema === undefined ? {} : { "content-type": "application/json" };
  const headers = { ...stage.callers[rightFor(line)], ...type, ...socket };
  const address = path.replaceAll(/\{\w+\}/gu, id);
  for (let made = 0; made < (schema === undefined ? 1 : tries); made += 1) {
    const body = schema === undefined ? null : JSON.stringify(drawing.bodyOf(schema));
    const answer = await stage.send({ method, path: address, headers, body });
    if (answer.status === status) return;
  }
}
