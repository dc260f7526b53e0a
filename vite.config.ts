import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, defineConfig, type Plugin } from "vite";

const root = fileURLToPath(new URL(".", import.meta.url));

/** The verifier of evidence in one file beside the page: it needs Node and nothing else, so that it can be taken anywhere. */
function verifierInOneFile(): Plugin {
  let outDir = "";
  return {
    name: "holdpoint-verifier",
    apply: "build",
    configResolved(config) {
      outDir = join(config.root, config.build.outDir);
      // An absolute folder, as `ensureBuilt` gives one, stays where it is.
      if (config.build.outDir.startsWith("/")) outDir = config.build.outDir;
    },
    async closeBundle() {
      const { version }: { version: string } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
      await build({
        configFile: false,
        logLevel: "warn",
        root,
        define: { HOLDPOINT_VERSION: JSON.stringify(version) },
        ssr: { noExternal: true },
        build: {
          ssr: join(root, "scripts", "holdpoint", "verify", "standalone.ts"),
          outDir,
          emptyOutDir: false,
          target: "node20",
          copyPublicDir: false,
          reportCompressedSize: false,
          rollupOptions: {
            output: {
              entryFileNames: "holdpoint-verify.mjs",
              codeSplitting: false,
              banner: "#!/usr/bin/env node",
            },
          },
        },
      });
    },
  };
}

/** The page: `dashboard/` → `dist/`, which the Worker serves as static assets. */
export default defineConfig({
  root: "dashboard",
  plugins: [verifierInOneFile()],
  // Kept out of the way of the Worker, which takes Node's and Workers' modules as they are.
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../dist",
    emptyOutDir: true,
    target: "es2023",
    // An inlined picture would be a data: address, which the page's policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
