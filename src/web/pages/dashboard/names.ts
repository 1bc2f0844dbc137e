import type { Plugin } from "vite";

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
