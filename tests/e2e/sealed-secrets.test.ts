import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { afterAll, beforeAll, describe, test } from "vitest";
import { NewEndpoint, NewSecret } from "../../schemas/webhook-view.ts";
import { castOf } from "../support/actors.ts";
import { startReceiver } from "../support/receiver.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

let engine: TestEngine;

beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine?.stop());

/** Every byte that an engine has stored. */
function bytesIn(folder: string): Buffer {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
  return Buffer.concat(files.map((path) => readFileSync(path)));
}

describe("T13 webhook signing secrets", () => {
  test("are in no byte of the storage, before and after a restart, and sign all the same", async ({
    expect,
  }) => {
    const { operator } = castOf(engine);
    const receiver = await startReceiver();
    const endpoint = v.parse(NewEndpoint, await operator.post("/v1/webhooks", { url: receiver.url }));
    const made = v.parse(NewSecret, await operator.post("/v1/webhooks/secrets", {}));
    const rotated = v.parse(
      NewSecret,
      await operator.post(`/v1/webhooks/secrets/${made.id}/rotate`, { overlapMs: 60_000 }),
    );
    const secrets = [endpoint.secret ?? "", made.secret, rotated.secret];
    const canaries = secrets.map((secret) => secret.replace("whsec_", ""));
    expect(canaries.every((canary) => canary.length === 44)).toBe(true);
    const look = (): void => {
      const bytes = bytesIn(join(engine.stateDir, "storage"));
      // The control: what lies beside them is found.
      expect(bytes.includes(receiver.url)).toBe(true);
      expect(bytes.includes(made.id)).toBe(true);
      for (const canary of canaries) {
        expect(bytes.includes(canary)).toBe(false);
        expect(bytes.includes(Buffer.from(canary, "base64"))).toBe(false);
      }
    };
    look();
    engine = await engine.restart();
    receiver.setSecrets(endpoint.secret ?? "");
    const { demo } = castOf(engine);
    const action = await demo.asks();
    await receiver.until(({ processed }) =>
      processed.some(({ verified }) => JSON.stringify(verified).includes(action.id)),
    );
    look();
    await receiver.close();
  });

  test("are not made by an engine whose key is none, which says how to make one", async ({ expect }) => {
    const other = await startEngine({ settings: { HOLDPOINT_SEAL_KEY: "not-a-key" } });
    try {
      const answer = await castOf(other).operator.send("POST", "/v1/webhooks/secrets", {});
      expect(answer.status).toBe(500);
      expect(JSON.stringify(answer.body)).toContain("HOLDPOINT_SEAL_KEY");
      expect(JSON.stringify(answer.body)).toContain("openssl rand -base64 32");
    } finally {
      await other.stop();
    }
  });
});
