import { Replayer } from "@rrweb/replay";
import { Controls } from "./controls";
import type { Mark } from "./messages";

export type Event = Exclude<ConstructorParameters<typeof Replayer>[0][number], string>;

/** rrweb's event type with the size of the page. */
const META = 4;

/** rrweb's player, scaled to the document, with controls below it. */
export class Player {
  readonly #replayer: Replayer;
  readonly #controls: Controls;
  readonly #stage: HTMLElement;
  readonly #screen: HTMLElement;
  #width = 1024;
  #height = 640;
  #last: number;
  readonly #first: number;

  constructor(element: HTMLElement, events: Event[], marks: readonly Mark[], live: boolean, damaged: number) {
    this.#stage = document.createElement("div");
    this.#stage.className = "stage";
    this.#screen = document.createElement("div");
    this.#screen.className = "screen";
    this.#stage.append(this.#screen);
    element.replaceChildren(this.#stage);
    this.#first = events[0]?.timestamp ?? 0;
    this.#last = events.at(-1)?.timestamp ?? this.#first;
    // In live mode it plays only events that are added later.
    this.#replayer = new Replayer(live ? [] : events, {
      root: this.#screen,
      liveMode: live,
      // Fast-forwarding in live mode must change the visible document, not a virtual one.
      useVirtualDom: !live,
      skipInactive: true,
      showWarning: false,
      mouseTail: false,
    });
    this.#controls = new Controls(this.#replayer, {
      total: () => this.#last - this.#first,
      marks: marks.map((mark) => ({ ...mark, at: mark.at - this.#first })),
      live,
      damaged,
    });
    element.append(this.#controls.element);
    for (const event of events) {
      this.#size(event);
    }
    this.#replayer.on("resize", (size) => {
      const { width, height } = size as { width: number; height: number };
      [this.#width, this.#height] = [width, height];
      this.#fit();
    });
    new ResizeObserver(() => this.#fit()).observe(this.#stage);
    if (live) {
      this.#replayer.startLive(this.#last - 1_000);
      this.add(events);
    } else {
      this.#replayer.pause(0);
    }
    this.#fit();
  }

  /** Appends new events of a live recording. */
  add(events: Event[]): void {
    for (const event of events) {
      this.#last = Math.max(this.#last, event.timestamp);
      this.#replayer.addEvent(event);
    }
  }

  #size(event: Event): void {
    const { width, height } = (event as { data?: { width?: number; height?: number } }).data ?? {};
    if (event.type === META && width && height && this.#height === 640) {
      [this.#width, this.#height] = [width, height];
    }
  }

  /** Scales the page to the available space. */
  #fit(): void {
    const scale = Math.min(1, this.#stage.clientWidth / this.#width, 720 / this.#height);
    this.#screen.style.transform = `scale(${scale})`;
    this.#screen.style.left = `${(this.#stage.clientWidth - this.#width * scale) / 2}px`;
    this.#stage.style.height = `${this.#height * scale}px`;
    requestAnimationFrame(() =>
      parent.postMessage({ height: document.documentElement.scrollHeight }, location.origin),
    );
  }
}
