import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";

/** Writes a gzipped copy beside each file that shrinks by it. The server sends those without compressing again. */
export function pack(folder: string): Plugin {
  return {
    name: "pack",
    closeBundle() {
      for (const name of readdirSync(folder)) {
        const plain = readFileSync(join(folder, name));
        const compressed = gzipSync(plain, { level: 9 });
        if (compressed.length < plain.length * 0.9) {
          writeFileSync(join(folder, `${name}.gz`), compressed);
        }
      }
    },
  };
}

/** Names the pages in their document. The server sends it for their addresses only. */
export function names(pages: readonly string[]): Plugin {
  return {
    name: "names",
    transformIndexHtml: {
      order: "post",
      handler: (html, { path }) =>
        path.endsWith("index.html")
          ? html.replace("<head>", `<head>\n    <meta name="pages" content="${pages.join(" ")}">`)
          : html,
    },
  };
}
