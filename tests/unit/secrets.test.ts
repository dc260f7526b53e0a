import { describe, test } from "vitest";
import { redact } from "../../core/secrets/redact.ts";
import type { JsonObject } from "../../schemas/json.ts";

const gone = (value: JsonObject, emails = false) =>
  redact(value, { emails, markOf: (kind) => `[redacted ${kind} 00000000]` });

const secrets: readonly JsonObject[] = [
  { dbPassword: "hunter2" },
  { deep: [{ client_secret: "correct horse" }] },
  { env: [{ name: "DB_PASSWORD", value: "hunter2" }] },
  { argv: ["psql", "--password", "hunter2"] },
  { text: "PGPASSWORD=hunter2 psql" },
  { text: "see postgres://app:hunter2@db/app" },
  { text: "paid with 4111 1111 1111 1111 today" },
  { card: 4111111111111111 },
  { text: "to DE89 3704 0044 0532 0130 00 please" },
  { text: "hp_local_abcdefghijkl_abcdefghijklmnopqrstuvwxyz0123456789" },
  { text: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" },
  { text: "q9Zt4LxW7bRv2KmP8sYd3HcN6fGj1TuE" },
  { text: "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----" },
];

const innocent: readonly string[] = [
  "9fceb02d0ae598e95dc970b74767f19372d61af8",
  "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
  "arn:aws:iam::123456789012:role/ControlledRemediationRole2",
  "registry.example.com/team/PaymentGatewayService:v1.20.3",
  "ImagePullBackOff-api-7d9f8b6c5d-x2k4q",
  "order 4111111111111112 is late",
  "the token: it expired yesterday",
  "act_V1StGXR8Z5jdHi6BmyTq2W",
];

describe("secrets in a request", () => {
  test("are taken out, each once", ({ expect }) => {
    expect(secrets.filter((value) => gone(value).redactions.length !== 1)).toEqual([]);
  });

  test("are not seen in what is none, nor twice", ({ expect }) => {
    expect(innocent.filter((text) => gone({ text }).redactions.length > 0)).toEqual([]);
    for (const value of secrets) expect(gone(gone(value).value).redactions).toEqual([]);
    expect(
      gone({ tokenCount: 12_345, secretId: "whs_abcdefgh", keyName: "main", passwordPolicy: "long" })
        .redactions,
    ).toEqual([]);
  });

  test("are e-mail addresses only where asked for", ({ expect }) => {
    expect(gone({ text: "ask ann@example.com" }).redactions).toEqual([]);
    expect(gone({ text: "ask ann@example.com" }, true).redactions).toEqual([
      { pointer: "/text", kind: "email" },
    ]);
  });

  test("are looked for to the end of a hostile text", ({ expect }) => {
    const parts = ["a", "1 ", "-----BEGIN ", "eyJ", "://a:", "a@", "password=", "DE89 ", "="];
    for (const part of parts) expect(gone({ text: part.repeat(65_536 / part.length) }).value).toBeDefined();
  });
});
