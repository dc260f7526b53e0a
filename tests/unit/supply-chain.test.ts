import { describe, test } from "vitest";
import * as v from "valibot";
import { fileText, filesBelow } from "../support/pages.ts";

const Versions = v.record(v.string(), v.string());
const Package = v.object({
  dependencies: Versions,
  devDependencies: Versions,
  allowScripts: v.record(v.string(), v.boolean()),
});
const Locked = v.object({
  version: v.optional(v.string()),
  integrity: v.optional(v.string()),
  dev: v.optional(v.boolean()),
  optional: v.optional(v.boolean()),
  link: v.optional(v.boolean()),
  resolved: v.optional(v.string()),
  hasInstallScript: v.optional(v.boolean()),
});
const own = v.parse(Package, JSON.parse(fileText("package.json")));
const { packages } = v.parse(
  v.object({ packages: v.record(v.string(), Locked) }),
  JSON.parse(fileText("package-lock.json")),
);
const installed = Object.entries(packages).filter(([path]) => path !== "");

describe("T25 what is installed", () => {
  test("is one version of each, never a range", ({ expect }) => {
    const asked = { ...own.dependencies, ...own.devDependencies };
    const ranges = Object.entries(asked).filter(
      ([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/u.test(version),
    );
    expect(ranges).toEqual([]);
    for (const [name, version] of Object.entries(asked)) {
      expect(packages[`node_modules/${name}`]?.version, name).toBe(version);
    }
  });

  test("is held to the bytes that the lock file names, whatever of it runs in the engine or at the command line", ({
    expect,
  }) => {
    const shipped = installed.filter(([, { dev, link }]) => dev !== true && link !== true);
    expect(shipped.length).toBeGreaterThan(10);
    const loose = shipped.filter(
      ([, { integrity }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/u.test(integrity ?? ""),
    );
    expect(loose.map(([path]) => path)).toEqual([]);
  });

  test("comes from the registry alone: no address, no folder, no link", ({ expect }) => {
    const elsewhere = installed.filter(
      ([, { resolved, link }]) =>
        link === true || (resolved !== undefined && !resolved.startsWith("https://registry.npmjs.org/")),
    );
    expect(elsewhere.map(([path]) => path)).toEqual([]);
  });

  test("runs no script of its own when it is installed, but for the pinned Node", ({ expect }) => {
    const scripted = installed.flatMap(([path, { hasInstallScript }]) =>
      hasInstallScript === true ? [path.split("node_modules/").at(-1) ?? ""] : [],
    );
    expect(scripted.filter((name) => !Object.hasOwn(own.allowScripts, name))).toEqual([]);
    expect(Object.keys(own.allowScripts).filter((name) => own.allowScripts[name] === true)).toEqual(["node"]);
  });
});

describe("T25 what changes the code to see whether a test notices, which is installed on its own", () => {
  const Apart = v.object({ dependencies: Versions });
  const asked = v.parse(Apart, JSON.parse(fileText("scripts/mutation/package.json"))).dependencies;
  const locked = v.parse(
    v.object({ packages: v.record(v.string(), Locked) }),
    JSON.parse(fileText("scripts/mutation/package-lock.json")),
  ).packages;
  const those = Object.entries(locked).filter(([path]) => path !== "");

  test("is one version of each, held to its bytes, from the registry alone, and runs no script", ({
    expect,
  }) => {
    for (const [name, version] of Object.entries(asked)) {
      expect(version).toMatch(/^\d+\.\d+\.\d+$/u);
      expect(locked[`node_modules/${name}`]?.version, name).toBe(version);
    }
    expect(those.length).toBeGreaterThan(100);
    const loose = those.filter(
      ([, { integrity, resolved, link, hasInstallScript }]) =>
        !/^sha512-[A-Za-z0-9+/]{86}==$/u.test(integrity ?? "") ||
        (resolved !== undefined && !resolved.startsWith("https://registry.npmjs.org/")) ||
        link === true ||
        hasInstallScript === true,
    );
    expect(loose.map(([path]) => path)).toEqual([]);
  });
});

describe("T25 the core that decides", () => {
  const deciding = [...filesBelow("core", ".ts"), ...filesBelow("schemas", ".ts")];
  const importsOf = (path: string): string[] =>
    [...fileText(path).matchAll(/^(?:import|export)\b[^;]*? from "(?<from>[^"]+)";/gmu)].map(
      (one) => one[1] ?? "",
    );
  const foreign = deciding.flatMap((path) =>
    importsOf(path)
      .filter((from) => !from.startsWith("."))
      .map((from) => ({ path, from })),
  );

  test("imports what reads schemas, argument schemas and conditions, and nothing else", ({ expect }) => {
    const packageOf = (from: string): string =>
      from
        .split("/")
        .slice(0, from.startsWith("@") ? 2 : 1)
        .join("/");
    expect([...new Set(foreign.map(({ from }) => packageOf(from)))].toSorted()).toEqual([
      "@bufbuild/cel",
      "@bufbuild/protobuf",
      "@cfworker/json-schema",
      "valibot",
    ]);
  });

  test("has none at all in the machine, the quorum and the clocks, but for the shapes of what they are given", ({
    expect,
  }) => {
    const pure = /^core\/(?:machine\/|quorum|standing|eligibility|clocks|digest|canonical|scope|identity)/u;
    const there = deciding.filter((path) => pure.test(path));
    expect(there.length).toBeGreaterThan(12);
    expect(foreign.filter(({ path }) => pure.test(path))).toEqual([]);
  });
});
