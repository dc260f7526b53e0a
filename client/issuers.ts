import type * as v from "valibot";
import type { Issuer, IssuerBody } from "../schemas/issuer.ts";
import { isItems, isObject } from "./shape.ts";
import type { Transport } from "./transport.ts";

/** Whose tokens agents may come with instead of a key. Every call needs a key that may make keys. */

export type { Issuer, IssuerRule } from "../schemas/issuer.ts";
/** `algorithms` RS256, `maxTokenAge` an hour and `jwksUrl` from the issuer itself, where they are left out. */
export type IssuerRequest = v.InferInput<typeof IssuerBody>;

export type IssuerCalls = {
  list(): Promise<Issuer[]>;
  get(id: string): Promise<Issuer>;
  /** Trusts an issuer, or replaces what was said of it. */
  put(id: string, issuer: IssuerRequest): Promise<Issuer>;
  /** Its tokens are worth nothing from now on. */
  remove(id: string): Promise<void>;
};

const path = (id: string): string => `/v1/issuers/${encodeURIComponent(id)}`;

export function issuerCalls({ call }: Transport): IssuerCalls {
  return {
    list: async () => {
      const { items } = await call({ method: "GET", path: "/v1/issuers", guard: isItems(isIssuer) });
      return items;
    },
    get: (id) => call({ method: "GET", path: path(id), guard: isIssuer }),
    put: (id, issuer) => call({ method: "PUT", path: path(id), body: issuer, guard: isIssuer }),
    remove: async (id) => {
      await call({ method: "DELETE", path: path(id), guard: isObject });
    },
  };
}

const isIssuer = (value: unknown): value is Issuer =>
  isObject(value) &&
  ["id", "issuer", "audience"].every((name) => typeof value[name] === "string") &&
  Array.isArray(value["rules"]);
