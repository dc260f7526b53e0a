import { defineConfig } from "vite";

/** The page: `dashboard/` → `dist/`, which the Worker serves as static assets. */
export default defineConfig({
  root: "dashboard",
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
