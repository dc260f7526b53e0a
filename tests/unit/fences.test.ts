import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { afterAll, beforeAll, describe, it } from "vitest";

/**
 * The folder fences are only worth what they catch. Each offence below is put into a folder of that name, beside the
 * project's own .oxlintrc.json, and linted; none of the real folders is touched.
 */
const root = fileURLToPath(new URL("../..", import.meta.url));

type Case = { says: string; file: string; source: string; rule?: string; also?: Record<string, string> };

const imports = "eslint(no-restricted-imports)";
const used = (from: string): string => `import { thing } from "${from}";\nexport const it = thing;\n`;
const usedType = (from: string): string => `import type { Thing } from "${from}";\nexport type It = Thing;\n`;

const offences: Case[] = [
  { says: "core/ imports objects/", file: "core/a.ts", source: used("../objects/x.ts"), rule: imports },
  {
    says: "core/ imports a type of objects/",
    file: "core/b.ts",
    source: usedType("../objects/x.ts"),
    rule: imports,
  },
  { says: "core/ imports workers/", file: "core/c.ts", source: used("../workers/x.ts"), rule: imports },
  { says: "core/ imports client/", file: "core/d.ts", source: used("../client/x.ts"), rule: imports },
  { says: "core/ imports a package", file: "core/e.ts", source: used("nanoid"), rule: imports },
  { says: "core/ imports Node", file: "core/f.ts", source: used("node:crypto"), rule: imports },
  { says: "core/ imports Workers", file: "core/g.ts", source: used("cloudflare:workers"), rule: imports },
  {
    says: "a folder inside core/ imports objects/",
    file: "core/in/h.ts",
    source: used("../../objects/x.ts"),
    rule: imports,
  },
  {
    says: "core/ imports objects/ when it runs",
    file: "core/i.ts",
    source: `export const it = import("../objects/x.ts");\n`,
    rule: imports,
  },
  {
    says: "core/ passes objects/ on",
    file: "core/j.ts",
    source: `export { thing } from "../objects/x.ts";\n`,
    rule: imports,
  },
  {
    says: "core/ reads the clock",
    file: "core/k.ts",
    source: "export const at = (): number => Date.now();\n",
    rule: "eslint(no-restricted-properties)",
  },
  {
    says: "core/ draws a random number",
    file: "core/l.ts",
    source: "export const at = (): number => Math.random();\n",
    rule: "eslint(no-restricted-properties)",
  },
  {
    says: "core/ uses crypto",
    file: "core/m.ts",
    source: "export const id = (): string => crypto.randomUUID();\n",
    rule: "eslint(no-restricted-globals)",
  },
  { says: "schemas/ imports core/", file: "schemas/a.ts", source: used("../core/x.ts"), rule: imports },
  { says: "schemas/ imports a package", file: "schemas/b.ts", source: used("nanoid"), rule: imports },
  { says: "schemas/ imports Node", file: "schemas/c.ts", source: used("node:crypto"), rule: imports },
  { says: "objects/ imports workers/", file: "objects/a.ts", source: used("../workers/x.ts"), rule: imports },
  { says: "objects/ imports client/", file: "objects/b.ts", source: used("../client/x.ts"), rule: imports },
  { says: "objects/ imports the router", file: "objects/c.ts", source: used("itty-router"), rule: imports },
  {
    says: "objects/ imports this package by name",
    file: "objects/d.ts",
    source: used("holdpoint"),
    rule: imports,
  },
  {
    says: "objects/ imports scripts/",
    file: "objects/in/e.ts",
    source: used("../../scripts/x.ts"),
    rule: imports,
  },
  { says: "client/ imports core/", file: "client/a.ts", source: used("../core/x.ts"), rule: imports },
  { says: "client/ imports workers/", file: "client/b.ts", source: used("../workers/x.ts"), rule: imports },
  { says: "client/ imports Node", file: "client/c.ts", source: used("node:fs"), rule: imports },
  { says: "client/ imports a package", file: "client/d.ts", source: used("jose"), rule: imports },
  {
    says: "client/ uses Node's process",
    file: "client/e.ts",
    source: "export const key = process.env;\n",
    rule: "eslint(no-restricted-globals)",
  },
  {
    says: "workers/ imports an object",
    file: "workers/a.ts",
    source: used("../objects/x.ts"),
    rule: imports,
  },
  { says: "workers/ imports client/", file: "workers/b.ts", source: used("../client/x.ts"), rule: imports },
  {
    says: "workers/ imports scripts/",
    file: "workers/in/c.ts",
    source: used("../../scripts/x.ts"),
    rule: imports,
  },
  { says: "workers/ imports tests/", file: "workers/d.ts", source: used("../tests/x.ts"), rule: imports },
  {
    says: "dashboard/ imports client/",
    file: "dashboard/a.ts",
    source: used("../client/x.ts"),
    rule: imports,
  },
  { says: "dashboard/ imports Node", file: "dashboard/b.ts", source: used("node:fs"), rule: imports },
  {
    says: "dashboard/ makes markup of text",
    file: "dashboard/c.ts",
    source:
      "export const show = (place: { innerHTML: string }, text: string): void => {\n  place.innerHTML = text;\n};\n",
    rule: "eslint(no-restricted-properties)",
  },
  {
    says: "workers/index.ts imports client/",
    file: "workers/index.ts",
    source: used("../client/x.ts"),
    rule: imports,
  },
  ...[
    "core/policy/argument-x.ts",
    "core/policy/condition-x.ts",
    "objects/n.ts",
    "workers/in/n.ts",
    "dashboard/n.ts",
    "scripts/n.ts",
    "tests/n.ts",
  ].map((file) => ({
    says: `${file} asks the published rules for secrets`,
    file,
    source: used("@secretlint/core"),
    rule: imports,
  })),
  {
    says: "workers/secrets/ imports client/",
    file: "workers/secrets/n.ts",
    source: used("../../client/x.ts"),
    rule: imports,
  },
  {
    says: "two files import each other",
    file: "objects/ring.ts",
    source: `import { other } from "./ring-other.ts";\nexport const ring = (): unknown => other;\n`,
    also: {
      "objects/ring-other.ts": `import { ring } from "./ring.ts";\nexport const other = (): unknown => ring;\n`,
    },
    rule: "import(no-cycle)",
  },
  {
    says: "a promise is left floating in an object",
    file: "objects/float.ts",
    source: `async function save(): Promise<void> {}\nexport function go(): void {\n  save();\n}\n`,
    rule: "typescript(no-floating-promises)",
  },
  {
    says: "a parsed value is taken for a type without a check",
    file: "workers/cast.ts",
    source: "export const row = JSON.parse('{}') as { id: string };\n",
    rule: "typescript(no-unsafe-type-assertion)",
  },
  {
    says: "something is exported by default",
    file: "workers/default.ts",
    source: "export default 1;\n",
    rule: "import(no-default-export)",
  },
];

const fine: Case[] = [
  { says: "core/ importing core/", file: "core/in/z.ts", source: used("../x.ts") },
  { says: "core/ importing schemas/", file: "core/z.ts", source: used("../schemas/x.ts") },
  { says: "schemas/ importing schemas/", file: "schemas/y.ts", source: used("./x.ts") },
  {
    says: "schemas/ importing valibot",
    file: "schemas/z.ts",
    source: `import * as v from "valibot";\nexport const s = v.string();\n`,
  },
  { says: "objects/ importing core/", file: "objects/in/z.ts", source: used("../../core/x.ts") },
  { says: "objects/ importing Workers", file: "objects/z.ts", source: used("cloudflare:workers") },
  { says: "client/ importing schemas/", file: "client/in/z.ts", source: used("../../schemas/x.ts") },
  {
    says: "workers/ importing a type of objects/",
    file: "workers/y.ts",
    source: usedType("../objects/x.ts"),
  },
  { says: "dashboard/ importing core/", file: "dashboard/in/z.ts", source: used("../../core/x.ts") },
  { says: "workers/ importing core/", file: "workers/z.ts", source: used("../core/x.ts") },
  {
    says: "workers/secrets/ asking the published rules",
    file: "workers/secrets/z.ts",
    source: used("@secretlint/core"),
  },
  { says: "workers/http/ importing workers/", file: "workers/in/z.ts", source: used("../x.ts") },
];

const Report = v.object({
  diagnostics: v.array(v.object({ code: v.optional(v.string()), filename: v.string(), message: v.string() })),
});

let folder = "";
const found = new Map<string, string[]>();

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "holdpoint-fences-"));
  copyFileSync(join(root, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  write(
    "tsconfig.json",
    JSON.stringify({
      compilerOptions: {
        target: "es2024",
        module: "preserve",
        strict: true,
        allowImportingTsExtensions: true,
        noEmit: true,
        types: [],
      },
    }),
  );
  for (const { file, source, also = {} } of [...offences, ...fine]) {
    write(file, source);
    for (const [path, text] of Object.entries(also)) write(path, text);
  }
  const folders = ["core", "schemas", "objects", "client", "workers", "dashboard", "scripts", "tests"];
  for (const name of folders) {
    // What the offences import is there, so that they are refused for where they reach and not for reaching nothing.
    write(`${name}/x.ts`, "export const thing = 1;\nexport type Thing = number;\n");
  }
  const run = spawnSync(join(root, "node_modules/.bin/oxlint"), ["--format=json", ...folders], {
    cwd: folder,
    encoding: "utf8",
  });
  for (const { filename, code } of v.parse(Report, JSON.parse(run.stdout)).diagnostics) {
    found.set(filename, [...(found.get(filename) ?? []), code ?? ""]);
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("lint refuses that", () => {
  it.for(offences)("$says", ({ file, rule }, { expect }) => {
    expect(found.get(file) ?? []).toContain(rule);
  });
});

describe("lint has nothing against", () => {
  it.for(fine)("$says", ({ file }, { expect }) => {
    expect(found.get(file) ?? []).toEqual([]);
  });
});

it("the fenced folders are the project's folders", ({ expect }) => {
  for (const name of ["core", "schemas", "objects", "client", "dashboard", "workers/index.ts"]) {
    expect(existsSync(join(root, name)), name).toBe(true);
  }
});

function write(path: string, text: string): void {
  const full = join(folder, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
}
