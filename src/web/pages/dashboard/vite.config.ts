import { defineConfig } from "vite";
import { PAGES } from "./data/route";
import { names } from "./names";

// Relative URLs, so that the pages work under any prefix.
export default defineConfig({
  root: "dashboard",
  base: "./",
  build: {
    outDir: "../dist/dashboard",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { input: ["dashboard/index.html", "dashboard/replay.html"] },
  },
  plugins: [names(PAGES)],
  esbuild: { legalComments: "none" },
});
