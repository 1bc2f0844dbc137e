import { defineConfig } from "vite";
import { pack } from "./pack";

// Relative addresses: the pages work under whatever prefix they are served.
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
  plugins: [pack("dist/dashboard/assets")],
  esbuild: { legalComments: "none" },
});
