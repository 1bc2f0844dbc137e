// The document that plays a recording. It makes no requests: the page around it sends it the chunks.

import rrwebStyle from "@rrweb/replay/dist/style.css?inline";
import baseStyle from "../styles/base.css?inline";
import { BrowserScreen } from "./browser";
import type { FromFrame, ToFrame } from "./messages";
import type { Screen } from "./screen";
import style from "./style.css?inline";

// Not as files: the policy then forbids files of styles, also to the recorded pages.
const sheet = document.createElement("style");
sheet.textContent = [rrwebStyle, baseStyle, style].join("\n");
document.head.append(sheet);

/** How often the position is reported while playing, in milliseconds. */
const TICK = 100;

const stage = document.getElementById("player") ?? document.body;
let screen: Promise<Screen> | null = null;
let timer: ReturnType<typeof setInterval> | undefined;
/** The number of the last seek. */
let sought = 0;

addEventListener("message", (message: MessageEvent<ToFrame>) => {
  if (message.source === parent && message.origin === location.origin) {
    void receive(message.data);
  }
});

async function receive(message: ToFrame): Promise<void> {
  if (message.type === "theme") {
    document.documentElement.dataset.theme = message.theme;
  } else if (message.type === "open") {
    screen = open(message.format, message.start, message.live);
  }
  const shown = await screen;
  if (shown === null) {
    return;
  }
  if (message.type === "chunks") {
    shown.add(message.chunks.map((chunk) => chunk.text));
  } else if (message.type === "settings") {
    shown.configure(message.speed, message.skip);
  } else if (message.type === "seek") {
    sought = message.number;
    shown.seek(message.at, message.play);
    tick(shown);
  }
}

async function open(format: string, start: number, live: boolean): Promise<Screen> {
  const element = document.createElement("div");
  element.className = "screen";
  stage.replaceChildren(element);
  const changed = () => {
    void screen?.then((shown) => {
      const { first, last, damaged, marks } = shown;
      send({ type: "loaded", first, last, damaged, marks: [...marks] });
      tick(shown);
    });
  };
  if (format === "asciicast") {
    // Large, and needed for terminals only.
    const { TerminalScreen } = await import("./terminal");
    return new TerminalScreen(element, start, live, changed);
  }
  return new BrowserScreen(element, live, changed);
}

function tick(shown: Screen): void {
  const report = () => send({ type: "state", at: shown.now(), playing: shown.playing, seek: sought });
  report();
  clearInterval(timer);
  if (shown.playing) {
    timer = setInterval(report, TICK);
  }
}

function send(message: FromFrame): void {
  parent.postMessage(message, location.origin);
}

// The keys and clicks of the player work whatever has the focus. A click anywhere plays and pauses.
addEventListener(
  "keydown",
  (event) => {
    const { key, shiftKey, metaKey, ctrlKey, altKey } = event;
    if (!(metaKey || ctrlKey || altKey || key === "Tab")) {
      event.preventDefault();
      event.stopPropagation();
      send({ type: "key", key, shiftKey });
    }
  },
  true,
);
stage.addEventListener("click", () => {
  if (getSelection()?.isCollapsed !== false) {
    send({ type: "key", key: " ", shiftKey: false });
  }
});

send({ type: "ready" });
