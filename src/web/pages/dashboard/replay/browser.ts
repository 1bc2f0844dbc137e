import { Replayer } from "@rrweb/replay";
import { inert } from "./inert";
import { MarkReader } from "./marks";
import type { Mark } from "./messages";
import { type Changed, fill, MAX_MARKS, type Screen } from "./screen";

type Event = Exclude<ConstructorParameters<typeof Replayer>[0][number], string>;

/** rrweb's event types with the document, and with the size of the page. */
const FULL_SNAPSHOT = 2;
const META = 4;
/** Messages of the console, which are marks only. They may come a little out of order. */
const PLUGIN = 6;
/** How much of the past a live recording shows at once, in milliseconds. */
const LIVE_BUFFER = 1_000;

/** Plays a browser tab. */
export class BrowserScreen implements Screen {
  readonly #element: HTMLElement;
  readonly #live: boolean;
  readonly #changed: Changed;
  readonly #reader = new MarkReader();
  readonly marks: Mark[] = [];
  #events: Event[] = [];
  #replayer: Replayer | null = null;
  #size = { width: 1024, height: 640 };
  #sized = false;
  /** The position while it does not play. It may be before or after all events. */
  #paused = 0;
  /** The first event with a document: before it there is only a white page. */
  #shown = Number.POSITIVE_INFINITY;
  #settings = { speed: 1, skipInactive: true };
  first = 0;
  last = 0;
  damaged = 0;
  playing = false;

  constructor(element: HTMLElement, live: boolean, changed: Changed) {
    this.#element = element;
    this.#live = live;
    this.#changed = changed;
    new ResizeObserver(() => this.#fill()).observe(element.parentElement ?? element);
  }

  now(): number {
    if (!this.playing) {
      return this.#paused;
    }
    return this.first + Math.max(0, this.#replayer?.getCurrentTime() ?? 0);
  }

  seek(at: number, play: boolean): void {
    this.#paused = at;
    const from = Math.min(
      this.last,
      Math.max(this.first, Number.isFinite(this.#shown) ? this.#shown : 0, at),
    );
    this.playing = play && !this.#live;
    if (this.playing) {
      this.#replayer?.play(from - this.first);
    } else if (!this.#live) {
      this.#replayer?.pause(from - this.first);
    }
  }

  configure(speed: number, skip: boolean): void {
    this.#settings = { speed, skipInactive: skip };
    this.#replayer?.setConfig(this.#settings);
  }

  add(chunks: readonly (string | null)[]): void {
    const all = chunks.flatMap((text) => this.#parse(text));
    const fresh = all.filter((event) => event.type !== PLUGIN);
    for (const event of all) {
      const found = this.#reader.read(event);
      if (this.marks.length < MAX_MARKS) {
        this.marks.push(...found);
      }
      this.last = Math.max(this.last, event.timestamp);
      if (event.type === FULL_SNAPSHOT) {
        this.#shown = Math.min(this.#shown, event.timestamp);
      }
      if (event.type !== PLUGIN) {
        this.#measure(event);
        this.#replayer?.addEvent(event);
      }
    }
    if (this.#replayer === null) {
      this.#events = [...this.#events, ...fresh];
      // The replayer needs at least two events.
      if (this.#events.length >= 2) {
        this.#start(this.#events);
        this.#events = [];
      }
    }
    this.#changed();
  }

  #parse(text: string | null): Event[] {
    if (text === null) {
      this.damaged += 1;
      return [];
    }
    return text.split("\n").flatMap((line) => {
      try {
        return line === "" ? [] : [inert(JSON.parse(line) as Event)];
      } catch {
        this.damaged += 1;
        return [];
      }
    });
  }

  #start(events: Event[]): void {
    this.first = events[0]?.timestamp ?? 0;
    // In live mode it plays only events that are added later.
    const replayer = new Replayer(this.#live ? [] : events, {
      root: this.#element,
      liveMode: this.#live,
      // Fast-forwarding in live mode must change the visible document, not a virtual one.
      useVirtualDom: !this.#live,
      ...this.#settings,
      showWarning: false,
      mouseTail: false,
    });
    this.#replayer = replayer;
    replayer.on("finish", () => {
      this.playing = false;
      this.#paused = this.last;
      this.#changed();
    });
    replayer.on("resize", (size) => {
      this.#size = size as { width: number; height: number };
      this.#fill();
    });
    if (this.#live) {
      replayer.startLive(this.last - LIVE_BUFFER);
      for (const event of events) {
        replayer.addEvent(event);
      }
    }
    this.#fill();
  }

  /** Takes the size of the first page. */
  #measure(event: Event): void {
    const { width, height } = (event as { data?: { width?: number; height?: number } }).data ?? {};
    if (event.type === META && width && height && !this.#sized) {
      this.#size = { width, height };
      this.#sized = true;
      this.#fill();
    }
  }

  #fill(): void {
    fill(this.#element, this.#size.width, this.#size.height, 1);
  }
}
