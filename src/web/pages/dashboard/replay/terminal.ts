import { Terminal } from "@xterm/xterm";
import xtermStyle from "@xterm/xterm/css/xterm.css?inline";
import { type CastEvent, CastReader, type CastSize } from "./cast";
import type { Mark } from "./messages";
import { type Changed, fill, type Screen } from "./screen";

/** With "skip inactivity", pauses longer than this are shortened to it, in milliseconds. */
const MAX_PAUSE = 1_000;
/** The escape sequence that resets a terminal. */
const RESET = "\u001bc";
/** Terminals are enlarged up to this. */
const MAX_SCALE = 2;

/** Plays a terminal. Everything that the recorded output asks of a terminal, but to show text, is ignored. */
export class TerminalScreen implements Screen {
  readonly #element: HTMLElement;
  readonly #live: boolean;
  readonly #changed: Changed;
  readonly #cast: CastReader;
  readonly #events: CastEvent[] = [];
  readonly first: number;
  #terminal: Terminal | null = null;
  /** Number of events that are shown. */
  #done = 0;
  #at: number;
  #settings = { speed: 1, skip: true };
  last: number;
  playing = false;

  constructor(element: HTMLElement, start: number, live: boolean, changed: Changed) {
    this.#element = element;
    this.#live = live;
    this.#changed = changed;
    this.#cast = new CastReader(start);
    this.first = start;
    this.last = start;
    this.#at = start;
    const sheet = document.createElement("style");
    sheet.textContent = xtermStyle;
    document.head.append(sheet);
    new ResizeObserver(() => this.#fill()).observe(element.parentElement ?? element);
  }

  get marks(): readonly Mark[] {
    return this.#cast.marks;
  }

  get damaged(): number {
    return this.#cast.damaged;
  }

  now(): number {
    return this.#at;
  }

  configure(speed: number, skip: boolean): void {
    this.#settings = { speed, skip };
  }

  seek(at: number, play: boolean): void {
    this.#show(Math.max(this.first, at));
    const was = this.playing;
    this.playing = play && !this.#live;
    if (this.playing && !was) {
      let before = performance.now();
      const frame = (now: number) => {
        if (this.playing) {
          this.#step(now - before);
          before = now;
          requestAnimationFrame(frame);
        }
      };
      requestAnimationFrame(frame);
    }
  }

  add(chunks: readonly (string | null)[]): void {
    for (const chunk of chunks) {
      for (const one of this.#cast.read(chunk)) {
        this.#events.push(one);
      }
    }
    this.last = this.#cast.last;
    if (this.#terminal === null && this.#events.length > 0) {
      this.#terminal = this.#open();
    }
    this.#show(this.#live ? this.last : this.#at);
    this.#changed();
  }

  #open(): Terminal {
    const { columns, rows } = this.#cast.size;
    const terminal = new Terminal({
      cols: columns,
      rows,
      disableStdin: true,
      // Output of a pipe has no carriage returns.
      convertEol: !this.#events.some((one) => one.output?.includes("\r\n")),
      cursorInactiveStyle: "outline",
      fontFamily: "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace",
      fontSize: 14,
      // Links of the output lead nowhere.
      linkHandler: { activate: () => {} },
      theme: { background: "#12161a" },
    });
    terminal.open(this.#element);
    terminal.onRender(() => this.#fill());
    return terminal;
  }

  #step(ms: number): void {
    let at = this.#at + ms * this.#settings.speed;
    const next = this.#events[this.#done]?.at ?? this.last;
    if (this.#settings.skip && next - at > MAX_PAUSE) {
      at = next - MAX_PAUSE;
    }
    this.#show(Math.min(at, this.last));
    if (this.#at >= this.last) {
      this.playing = false;
      this.#changed();
    }
  }

  /** Shows the output until `at`; from the start if it has passed. */
  #show(at: number): void {
    if (at < this.#at) {
      this.#write(RESET, this.#cast.size);
      this.#done = 0;
    }
    this.#at = at;
    let output = "";
    // The first output is shown from the start, so that the terminal is not empty.
    const until = Math.max(at, this.#events[0]?.at ?? at);
    for (
      let one = this.#events[this.#done];
      one !== undefined && one.at <= until;
      one = this.#events[this.#done]
    ) {
      output += one.output ?? "";
      if (one.size !== null) {
        this.#write(output, one.size);
        output = "";
      }
      this.#done += 1;
    }
    if (output !== "") {
      this.#write(output);
    }
  }

  /** Writes output, then changes the size. The terminal buffers what is written: everything else has to wait for it. */
  #write(output: string, size?: CastSize): void {
    const terminal = this.#terminal;
    terminal?.write(output, () => size && terminal.resize(size.columns, size.rows));
  }

  #fill(): void {
    const shown = this.#terminal?.element;
    if (shown !== undefined && shown.offsetWidth > 0) {
      fill(this.#element, shown.offsetWidth, shown.offsetHeight, MAX_SCALE);
    }
  }
}
