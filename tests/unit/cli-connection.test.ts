import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, onTestFinished, test } from "vitest";
import { type DevFile, findDevFile, resolveConnection } from "../../scripts/holdpoint/connection.ts";

const dev: DevFile = {
  path: "/home/me/.holdpoint/dev.json",
  mode: 0o600,
  url: "http://127.0.0.1:8787",
  workspace: "default",
  keys: { operator: "hp_op", "agent:demo": "hp_demo", "person:alice": "hp_alice", "person:bob": "hp_bob" },
};
const nothing = { flags: {}, env: {}, dev: null, role: "agent" } as const;

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "holdpoint-cli-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

describe("which engine, as whom", () => {
  test("dev.json answers both when nothing else is said, by the role of the command", ({ expect }) => {
    expect(resolveConnection({ ...nothing, dev })).toMatchObject({
      url: dev.url,
      key: "hp_demo",
      name: "agent:demo",
    });
    expect(resolveConnection({ ...nothing, dev, role: "operator" })).toMatchObject({
      key: "hp_op",
      name: "operator",
    });
  });

  test("flags go before the environment, and that before dev.json", ({ expect }) => {
    const env = { HOLDPOINT_URL: "https://env.example", HOLDPOINT_KEY: "hp_env" };
    const flags = { url: "https://flag.example", key: "hp_flag" };
    expect(resolveConnection({ ...nothing, dev, env })).toMatchObject({
      url: "https://env.example",
      key: "hp_env",
      keyFrom: "HOLDPOINT_KEY",
    });
    expect(resolveConnection({ ...nothing, dev, env, flags })).toMatchObject({
      url: "https://flag.example",
      key: "hp_flag",
      keyFrom: "--key",
    });
  });

  test("--as picks a key of dev.json, also when the environment has one", ({ expect }) => {
    expect(
      resolveConnection({ ...nothing, dev, env: { HOLDPOINT_KEY: "hp_env" }, flags: { as: "person:bob" } }),
    ).toMatchObject({ key: "hp_bob" });
  });

  test("an empty variable is as good as none", ({ expect }) => {
    expect(
      resolveConnection({ ...nothing, dev, env: { HOLDPOINT_URL: "", HOLDPOINT_KEY: "" } }),
    ).toMatchObject({ url: dev.url, key: "hp_demo" });
  });

  test("a key of dev.json never goes to another engine than its own", ({ expect }) => {
    const elsewhere = { ...nothing, dev, env: { HOLDPOINT_URL: "https://holdpoint.example" } };
    expect(() => resolveConnection(elsewhere)).toThrow("are for http://127.0.0.1:8787");
    expect(() => resolveConnection({ ...elsewhere, flags: { as: "operator" } })).toThrow("set HOLDPOINT_KEY");
    expect(resolveConnection({ ...nothing, dev, flags: { url: "http://127.0.0.1:8787/" } })).toMatchObject({
      key: "hp_demo",
    });
  });

  test("a decision is nobody's by default, and the people are named", ({ expect }) => {
    expect(() => resolveConnection({ ...nothing, dev, role: "person" })).toThrow("person:alice, person:bob");
    expect(() =>
      resolveConnection({
        ...nothing,
        dev: null,
        env: { HOLDPOINT_URL: "https://x.example" },
        role: "person",
      }),
    ).toThrow("HOLDPOINT_KEY");
    expect(
      resolveConnection({ ...nothing, dev, env: { HOLDPOINT_KEY: "hp_env" }, role: "person" }),
    ).toMatchObject({ key: "hp_env" });
  });

  test.for([
    ["no engine", {}, {}, null, "npm start"],
    ["no key", {}, { HOLDPOINT_URL: "https://x.example" }, null, "HOLDPOINT_KEY"],
    ["an address that is none", { url: "holdpoint.example" }, {}, dev, "--url"],
    ["an address of another kind", { url: "file:///etc/passwd" }, {}, dev, "--url"],
    ["two keys", { key: "hp_x", as: "operator" }, {}, dev, "not both"],
    ["a name dev.json does not have", { as: "person:zed" }, {}, dev, "no key for person:zed"],
    ["a name that every object has", { as: "constructor" }, {}, dev, "no key for constructor"],
  ] as const)("%s is a usage error that says what to do", ([, flags, env, file, words], { expect }) => {
    const call = (): unknown => resolveConnection({ flags, env, dev: file, role: "agent" });
    expect(call).toThrow(words);
    expect(call).toThrow(expect.objectContaining({ exitCode: 2 }));
  });
});

describe("dev.json", () => {
  const content = JSON.stringify({ url: dev.url, workspace: "default", keys: dev.keys });

  test("is found in the nearest folder upwards, with its permissions", ({ expect }) => {
    const root = folder();
    mkdirSync(join(root, ".holdpoint"));
    mkdirSync(join(root, "a", "b"), { recursive: true });
    writeFileSync(join(root, ".holdpoint", "dev.json"), content);
    chmodSync(join(root, ".holdpoint", "dev.json"), 0o640);
    expect(findDevFile(join(root, "a", "b"))).toMatchObject({
      path: join(root, ".holdpoint", "dev.json"),
      mode: 0o640,
      keys: dev.keys,
    });
  });

  test("that is not one is an error, not a reason to look further up", ({ expect }) => {
    const root = folder();
    mkdirSync(join(root, ".holdpoint"));
    writeFileSync(join(root, ".holdpoint", "dev.json"), "{");
    expect(() => findDevFile(root)).toThrow("npm start");
  });
});
