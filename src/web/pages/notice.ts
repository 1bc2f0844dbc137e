// Says beside the built scripts, and in them, whose code they contain.

import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

const NOTICE = "THIRD-PARTY.txt";
/** rrweb's packages say MIT and carry no text of it: `rrweb.txt` is their repository's. */
const RRWEB = ["@rrweb/record", "@rrweb/replay", "rrweb", "rrweb-snapshot", "rrdom"];
/** What rrweb's packages contain of others. */
const WITHIN = ["@xstate/fsm", "base64-arraybuffer", "mitt", "nanoid", "picocolors", "postcss", "source-map-js"];

/** Text with the licenses of everything that is built in. */
function licenses(): string {
  const text = (file: string) => readFileSync(file, "utf8").trim();
  const own = RRWEB.map((name) => title(name)).join("\n");
  const others = WITHIN.map((name) => `${title(name)}\n\n${text(`node_modules/${name}/LICENSE`)}`);
  return [`${own}\n\n${text("rrweb.txt")}`, ...others].join("\n\n----\n\n");
}

function title(name: string): string {
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
  return `${name} ${version}`;
}

/** Names the license in each script, and puts the text of all beside them. */
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
