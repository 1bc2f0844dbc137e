// The document that plays a recording. It asks nobody for anything: the page around it tells it what to show.

import "@rrweb/replay/dist/style.css";
import "../styles/base.css";
import "./style.css";
import type { Mark, ToFrame } from "./messages";
import { type Event, Player } from "./player";

const element = document.getElementById("player") ?? document.body;
let marks: Mark[] = [];
let events: Event[] = [];
let player: Player | null = null;
let damaged = 0;

addEventListener("message", (message: MessageEvent<ToFrame>) => {
  if (message.source !== parent || message.origin !== location.origin) {
    return;
  }
  const told = message.data;
  if (told.type === "marks") {
    marks = told.marks;
    document.documentElement.dataset.theme = told.theme;
    return;
  }
  const fresh = told.chunks.flatMap((chunk) => eventsOf(chunk.text));
  if (player !== null) {
    player.add(fresh);
    return;
  }
  events = [...events, ...fresh];
  // One event is no span of time.
  if (events.length >= 2) {
    player = new Player(element, events, marks, told.live, damaged);
  } else if (!told.live) {
    note(damaged > 0 ? "All of this recording is damaged." : "Nothing was recorded of this tab.");
  }
});

function eventsOf(text: string | null): Event[] {
  if (text === null) {
    damaged += 1;
    return [];
  }
  return text.split("\n").flatMap((line) => {
    try {
      return line === "" ? [] : [JSON.parse(line) as Event];
    } catch {
      damaged += 1;
      return [];
    }
  });
}

function note(text: string): void {
  const said = document.createElement("p");
  said.className = "note";
  said.setAttribute("role", "status");
  said.textContent = text;
  element.replaceChildren(said);
}

parent.postMessage("ready", location.origin);
