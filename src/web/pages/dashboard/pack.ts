import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";

/** Puts a packed file beside each that is smaller so: they are sent as they are. */
export function pack(folder: string): Plugin {
  return {
    name: "pack",
    closeBundle() {
      for (const name of readdirSync(folder)) {
        const plain = readFileSync(join(folder, name));
        const packed = gzipSync(plain, { level: 9 });
        if (packed.length < plain.length * 0.9) {
          writeFileSync(join(folder, `${name}.gz`), packed);
        }
      }
    },
  };
}
