// The document that plays a recording. It makes no requests: the page around it sends it the chunks.

import rrwebStyle from "@rrweb/replay/dist/style.css?inline";
import baseStyle from "../styles/base.css?inline";
import { inert } from "./inert";
import type { Mark, ToFrame } from "./messages";
import { type Event, Player } from "./player";
import style from "./style.css?inline";

// Not as files: the policy then forbids files of styles, also to the recorded pages.
const sheet = document.createElement("style");
sheet.textContent = [rrwebStyle, baseStyle, style].join("\n");
document.head.append(sheet);

const element = document.getElementById("player") ?? document.body;
let marks: Mark[] = [];
let events: Event[] = [];
let player: Player | null = null;
let damaged = 0;

addEventListener("message", (message: MessageEvent<ToFrame>) => {
  if (message.source !== parent || message.origin !== location.origin) {
    return;
  }
  const { data } = message;
  if (data.type === "marks") {
    marks = data.marks;
    document.documentElement.dataset.theme = data.theme;
    return;
  }
  const fresh = data.chunks.flatMap((chunk) => eventsOf(chunk.text));
  if (player !== null) {
    player.add(fresh);
    return;
  }
  events = [...events, ...fresh];
  // The replayer needs at least two events.
  if (events.length >= 2) {
    player = new Player(element, events, marks, data.live, damaged);
  } else if (!data.live) {
    note(
      damaged > 0 ? "This recording is damaged and cannot be played." : "Nothing was recorded in this tab.",
    );
  }
});

function eventsOf(text: string | null): Event[] {
  if (text === null) {
    damaged += 1;
    return [];
  }
  return text.split("\n").flatMap((line) => {
    try {
      return line === "" ? [] : [inert(JSON.parse(line) as Event)];
    } catch {
      damaged += 1;
      return [];
    }
  });
}

function note(text: string): void {
  const paragraph = document.createElement("p");
  paragraph.className = "note";
  paragraph.setAttribute("role", "status");
  paragraph.textContent = text;
  element.replaceChildren(paragraph);
}

parent.postMessage("ready", location.origin);
