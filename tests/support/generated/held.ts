import { type ProblemCode, problems } from "../../../schemas/problem.ts";
import {
  type Document,
  faultsBy,
  fits,
  methodsFor,
  type Operation,
  operationFor,
  type Schema,
} from "../described.ts";
import { sealingHeaders } from "../sealed.ts";
import { type Exchange, type Received, valueOf } from "./exchange.ts";

/** An answer held against the document: which operation it belongs to, and everything that is not as documented. */
export type Held = { readonly operation: string | null; readonly faults: readonly string[] };

/** Longer bodies than this are not held against what the document says of requests: they are refused before. */
const readableBytes = 256 * 1024;

/** Where the engine would look for what an address names: without dots, slashes at the end and the query. */
export function pathOf(address: string): string {
  return new URL(address, "http://engine").pathname.replace(/(?<=.)\/+$/u, "");
}

/** Holds one answer against the document. `provoked`: whether the engine has been given a reason to answer 503. */
export function held(document: Document, { sent, received }: Exchange, provoked = false): Held {
  const asked = sent.method === "HEAD" ? "GET" : sent.method;
  const path = pathOf(sent.path);
  const found = operationFor(document, asked, path);
  const faults = [...sealFaults(received), ...serverFaults(received, provoked)];
  if (found === null) {
    return { operation: null, faults: [...faults, ...absentFaults(document, path, sent.method, received)] };
  }
  const [pattern, operation] = found;
  const name = `${asked} ${pattern}`;
  // A socket is no answer that has a head of its own.
  if (sent.method === "HEAD" && operation.responses["101"] !== undefined) {
    return { operation: null, faults: [...faults, ...methodFaults(received)] };
  }
  faults.push(...answerFaults(document, operation, received, sent.method === "HEAD"));
  faults.push(...takenFaults(document, operation, { sent, received }));
  return { operation: name, faults };
}

function sealFaults({ status, headers }: Received): string[] {
  if (status === 101) return [];
  return Object.entries(sealingHeaders).flatMap(([name, wanted]) => {
    const value = headers[name];
    const isRight = typeof wanted === "string" ? value === wanted : wanted.test(value ?? "");
    return isRight ? [] : [`the header ${name} is ${value ?? "missing"}`];
  });
}

function serverFaults({ status }: Received, provoked: boolean): string[] {
  if (status < 500 || (status === 503 && provoked)) return [];
  return [`${status} is a failure of the engine`];
}

/** No operation has this address, or none with this method. */
function absentFaults(document: Document, path: string, method: string, received: Received): string[] {
  const methods = methodsFor(document, path);
  if (methods.length > 0) {
    const allowed = (received.headers["allow"] ?? "").split(", ").filter((one) => one !== "HEAD");
    const isTold = allowed.length > 0 && allowed.every((one) => methods.includes(one) && one !== method);
    return [...methodFaults(received), ...(isTold ? [] : [`Allow says ${received.headers["allow"]}`])];
  }
  if (received.status !== 404) return [`${received.status} for an address that is not described`];
  return problemFaults(received, method === "HEAD");
}

function methodFaults(received: Received): string[] {
  if (received.status !== 405) return [`${received.status} for a method that is not described`];
  return received.text === "" ? [] : problemFaults(received, false);
}

/** Status, content type, headers and body as documented for the operation. */
function answerFaults(
  document: Document,
  { responses }: Operation,
  received: Received,
  isHead: boolean,
): string[] {
  const { status, headers, text } = received;
  const response = responses[status];
  if (response === undefined) return [`${status} is not described`];
  const required = Object.entries(response.headers ?? {}).filter(([, header]) => header.required === true);
  const faults = required
    .filter(([name]) => headers[name.toLowerCase()] === undefined)
    .map(([name]) => `the header ${name} is missing`);
  if (isHead && text !== "") faults.push("HEAD has a body");
  if (status === 101) return faults;
  if (response.content === undefined) {
    return text === "" ? faults : [...faults, "a body is not described"];
  }
  const type = headers["content-type"] ?? "none";
  const content = response.content[type];
  if (content === undefined) return [...faults, `the content type ${type} is not described`];
  if (isHead) return faults;
  if (status >= 400) faults.push(...problemFaults(received, false));
  return [...faults, ...bodyFaults(document, content.schema, received)];
}

function bodyFaults(document: Document, schema: Schema, { headers, text }: Received): string[] {
  if (headers["content-type"]?.includes("json") !== true) return faultsBy(document, schema, text);
  const value = valueOf(text);
  return value === undefined ? ["the body is not JSON"] : faultsBy(document, schema, value);
}

const isProblemCode = (code: unknown): code is ProblemCode =>
  typeof code === "string" && Object.hasOwn(problems, code);

/** A problem with a code of the table, and the status, title and type that the code has there. */
function problemFaults({ status, headers, text }: Received, isHead: boolean): string[] {
  const type = headers["content-type"];
  if (type !== "application/problem+json") return [`the content type ${type} is not that of a problem`];
  if (isHead) return [];
  const body = valueOf(text);
  if (typeof body !== "object" || body === null) return ["the problem is no JSON object"];
  const said: Record<string, unknown> = { ...body };
  const { code } = said;
  if (!isProblemCode(code)) return [`the code ${String(code)} is not in the table`];
  const known = problems[code];
  const wanted: Record<string, unknown> = {
    ...known,
    type: `https://holdpoint.dev/problems/${code.replaceAll("_", "-")}`,
  };
  const faults = Object.entries(wanted)
    .filter(([name, value]) => said[name] !== value)
    .map(([name]) => `the problem ${code} has the ${name} ${JSON.stringify(said[name])}`);
  return status === known.status ? faults : [...faults, `the problem ${code} came with ${status}`];
}

/** What the document refuses is not taken. An empty body is an empty object. */
function takenFaults(document: Document, { requestBody }: Operation, { sent, received }: Exchange): string[] {
  const schema = requestBody?.content["application/json"]?.schema;
  const { body } = sent;
  if (schema === undefined || received.status >= 300) return [];
  if (body !== null && body.length > readableBytes) return ["a body that is too large was taken"];
  const text = body === null ? "" : typeof body === "string" ? body : Buffer.from(body).toString("utf8");
  const value = text === "" ? {} : valueOf(text);
  if (value === undefined) return ["a body that is no JSON was taken"];
  return fits(document, schema, value) ? [] : ["a body was taken that the document refuses"];
}
