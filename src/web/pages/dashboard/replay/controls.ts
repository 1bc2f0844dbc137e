import type { Replayer } from "@rrweb/replay";
import type { Mark } from "./messages";

interface Settings {
  /** Duration in milliseconds. */
  total: () => number;
  /** Times are in milliseconds since the first event. */
  marks: readonly Mark[];
  live: boolean;
  damaged: number;
}

const SPEEDS = [0.5, 1, 2, 4, 8] as const;

/** The controls of the player: play, seek, speed, skip inactivity. */
export class Controls {
  readonly element = document.createElement("div");
  readonly #replayer: Replayer;
  readonly #settings: Settings;
  readonly #play = button("Play", "play");
  readonly #seek = document.createElement("input");
  readonly #time = document.createElement("span");
  #playing = false;

  constructor(replayer: Replayer, settings: Settings) {
    this.#replayer = replayer;
    this.#settings = settings;
    this.element.className = "controls";
    if (settings.live) {
      const live = document.createElement("span");
      live.className = "live-note";
      live.textContent = "Live";
      this.element.append(live);
      return;
    }
    this.#play.addEventListener("click", () => this.#toggle());
    this.#time.className = "num";
    this.element.append(this.#play, this.#bar(), this.#time, this.#speed(), this.#skip());
    if (settings.damaged > 0) {
      const note = document.createElement("span");
      note.className = "bad";
      note.textContent = `${settings.damaged} damaged chunks skipped`;
      this.element.append(note);
    }
    replayer.on("finish", () => this.#show(false));
    addEventListener("keydown", (event) => {
      if (event.key === " " && !(event.target instanceof HTMLButtonElement)) {
        event.preventDefault();
        this.#toggle();
      }
    });
    this.#tick();
  }

  #toggle(): void {
    if (this.#playing) {
      this.#replayer.pause();
    } else {
      const at = this.#now();
      this.#replayer.play(at >= this.#settings.total() ? 0 : at);
    }
    this.#show(!this.#playing);
  }

  #show(playing: boolean): void {
    this.#playing = playing;
    this.#play.textContent = playing ? "Pause" : "Play";
  }

  #now(): number {
    return Math.min(this.#settings.total(), Math.max(0, this.#replayer.getCurrentTime()));
  }

  #to(ms: number): void {
    if (this.#playing) {
      this.#replayer.play(ms);
    } else {
      this.#replayer.pause(ms);
    }
  }

  #bar(): HTMLElement {
    const bar = document.createElement("div");
    bar.className = "seek";
    this.#seek.type = "range";
    this.#seek.min = "0";
    this.#seek.max = String(Math.max(1, this.#settings.total()));
    this.#seek.step = "10";
    this.#seek.setAttribute("aria-label", "Time");
    this.#seek.addEventListener("input", () => this.#to(Number(this.#seek.value)));
    const marks = document.createElement("div");
    marks.className = "marks";
    for (const mark of this.#settings.marks) {
      const part = mark.at / Math.max(1, this.#settings.total());
      if (part < -0.02 || part > 1) {
        continue;
      }
      const dot = button("", `mark-dot mark-${mark.kind}`);
      dot.style.left = `${100 * Math.max(0, part)}%`;
      dot.title = `${mark.label} · ${clock(mark.at)}`;
      dot.setAttribute("aria-label", `Go to ${mark.kind} ${mark.label} at ${clock(mark.at)}`);
      dot.addEventListener("click", () => this.#to(Math.max(0, mark.at)));
      marks.append(dot);
    }
    bar.append(marks, this.#seek);
    return bar;
  }

  #speed(): HTMLElement {
    const select = document.createElement("select");
    select.setAttribute("aria-label", "Speed");
    for (const speed of SPEEDS) {
      select.add(new Option(`${speed}×`, String(speed), false, speed === 1));
    }
    select.addEventListener("change", () => this.#replayer.setConfig({ speed: Number(select.value) }));
    return select;
  }

  #skip(): HTMLElement {
    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = true;
    box.addEventListener("change", () => this.#replayer.setConfig({ skipInactive: box.checked }));
    label.append(box, " Skip inactivity");
    return label;
  }

  /** Updates the position with every animation frame. */
  #tick(): void {
    const at = this.#now();
    if (document.activeElement !== this.#seek || this.#playing) {
      this.#seek.value = String(at);
    }
    this.#seek.setAttribute("aria-valuetext", clock(at));
    this.#time.textContent = `${clock(at)} / ${clock(this.#settings.total())}`;
    requestAnimationFrame(() => this.#tick());
  }
}

function button(text: string, name: string): HTMLButtonElement {
  const made = document.createElement("button");
  made.type = "button";
  made.className = name;
  made.textContent = text;
  return made;
}

function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
