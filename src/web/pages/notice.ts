// Adds the licenses of bundled packages, beside the built scripts and as a comment in them.

import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

const NOTICE = "THIRD-PARTY.txt";
/** rrweb's packages are MIT but include no license text: `rrweb.txt` is that of their repository. */
const RRWEB = ["@rrweb/record", "@rrweb/replay", "rrweb", "rrweb-snapshot", "rrdom"];
/** Packages bundled in rrweb's, and in the dashboard. */
const BUNDLED = [
  ...["@xstate/fsm", "base64-arraybuffer", "mitt", "nanoid", "picocolors", "postcss", "source-map-js"],
  ...["@xterm/xterm", "preact", "uplot"],
];

/** Returns the license texts of all bundled packages. */
function licenses(): string {
  const text = (file: string) => readFileSync(file, "utf8").trim();
  const own = RRWEB.map((name) => title(name)).join("\n");
  const others = BUNDLED.map((name) => `${title(name)}\n\n${text(`node_modules/${name}/LICENSE`)}`);
  return [`${own}\n\n${text("rrweb.txt")}`, ...others].join("\n\n----\n\n");
}

function title(name: string): string {
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
  return `${name} ${version}`;
}

/** Adds a notice to each script and writes the license texts beside them. */
export function notice(): Plugin {
  return {
    name: "notice",
    generateBundle(_, bundle) {
      for (const part of Object.values(bundle)) {
        if (part.type === "chunk") {
          part.code = `/*! rrweb, MIT License, Copyright (c) 2018 Contributors and SmartX Inc.: ${NOTICE} */\n${part.code}`;
        }
      }
      this.emitFile({ type: "asset", fileName: NOTICE, source: `${licenses()}\n` });
    },
  };
}
