import { defineConfig } from "vite";
import { notice } from "./notice";
import { untainted } from "./untainted";

// Each part is one script without a module loader, so that it runs on other pages under any policy.
const part = process.env.PART ?? "record";

export default defineConfig({
  define: { "process.env.NODE_ENV": '"production"' },
  plugins: [untainted(), notice()],
  build: {
    outDir: "dist",
    emptyOutDir: part === "record",
    lib: {
      entry: `${part}/main.ts`,
      formats: ["iife"],
      name: "towerActivity",
      fileName: () => `${part}.js`,
      cssFileName: part,
    },
  },
});
