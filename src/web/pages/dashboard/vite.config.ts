import { defineConfig } from "vite";
import { PAGES } from "./data/route";
import { names, pack } from "./pack";

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
  plugins: [names(PAGES), pack("dist/dashboard/assets")],
  esbuild: { legalComments: "none" },
});
