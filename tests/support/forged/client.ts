import { variantOf, type Change } from "./variant.ts";

/** The client library, which verifies what the engine has signed. */
export type ClientExports = {
  verifyWebhook: (check: object) => Promise<{ id: string }>;
  verifyGrant: (jws: string, check: object) => Promise<{ action: string }>;
};

export const clientWith = (changes: readonly Change[]): ClientExports =>
  variantOf(["client/webhook.ts", "client/grant.ts"], changes) as ClientExports;

/** Whether it was taken. What is refused is refused by an error with this code; any other is nobody's refusal. */
export async function taken(verified: Promise<unknown>, code: string): Promise<boolean> {
  try {
    await verified;
    return true;
  } catch (error) {
    if (typeof error === "object" && error !== null && "code" in error && error.code === code) return false;
    throw error;
  }
}
