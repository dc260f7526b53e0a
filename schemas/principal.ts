import * as v from "valibot";
import { Label, PrincipalId, WorkspaceName } from "./text.ts";

/** What a key may be used for. A route names exactly one; `admin` covers them all. */
export const scopes = [
  "actions:request",
  "actions:read",
  "votes:write",
  "policy:read",
  "policy:write",
  "directory:read",
  "directory:write",
  "oncall:write",
  "keys:write",
  "webhooks:write",
  "deliveries:write",
  "feedback:write",
  "effects:write",
  "evidence:read",
  "metrics:read",
  "admin",
] as const;
export const Scope = v.picklist(scopes);
export type Scope = v.InferOutput<typeof Scope>;

/** What a new key of each kind of principal gets when no scopes are named. */
export const defaultScopes = {
  agent: ["actions:request", "actions:read"],
  person: ["actions:read", "votes:write", "policy:read", "directory:read", "metrics:read", "feedback:write"],
  service: ["actions:read"],
} as const satisfies Record<string, readonly Scope[]>;

/** A stored key. The secret itself is never stored, only the SHA-256 (hex) of the whole key text. */
export const KeyRecord = v.strictObject({
  id: v.string(),
  workspace: WorkspaceName,
  principal: PrincipalId,
  name: v.nullable(Label),
  scopes: v.array(Scope),
  createdAt: v.number(),
  /** Epoch ms, or null for a key that does not expire by itself. */
  expiresAt: v.nullable(v.number()),
  revokedAt: v.nullable(v.number()),
  /** The key that replaces this one, when it has been rotated. */
  replacedBy: v.nullable(v.string()),
});
export type KeyRecord = v.InferOutput<typeof KeyRecord>;

/** Who is calling, as proven by the key. The workspace comes from here and never from a request. */
export type Principal = {
  readonly workspace: string;
  readonly kind: "agent" | "person" | "service";
  /** `agent:deployer`, `person:alice`, `service:auditor`. */
  readonly id: string;
  readonly scopes: readonly Scope[];
  /** The id of the key, or of the session for a person who is signed in on the page. */
  readonly keyId: string;
  /** Epoch ms of the sign-in, for a person on the page; absent for a key. */
  readonly signedInAt?: number;
};

/** `agent:deployer` → `agent`. */
export function principalKind(id: string): Principal["kind"] {
  if (id.startsWith("agent:")) return "agent";
  return id.startsWith("person:") ? "person" : "service";
}
