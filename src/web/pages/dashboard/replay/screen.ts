import type { Mark } from "./messages";

/** Marks to keep: a recording may claim any number. */
export const MAX_MARKS = 2_000;

/** Plays a track of a recording. Times are in milliseconds since the Unix epoch. */
export interface Screen {
  readonly first: number;
  readonly last: number;
  readonly marks: readonly Mark[];
  /** Number of damaged parts, which are skipped. */
  readonly damaged: number;
  readonly playing: boolean;
  now(): number;
  seek(at: number, play: boolean): void;
  configure(speed: number, skip: boolean): void;
  /** Appends chunks; `null` stands for a damaged one. */
  add(chunks: readonly (string | null)[]): void;
}

/** Called when playback stops by itself, and when something is added. */
export type Changed = () => void;

/** Moves and scales an element of `width` × `height` so that it fills its parent, up to `most` times its size. */
export function fill(element: HTMLElement, width: number, height: number, most: number): void {
  const stage = element.parentElement ?? document.body;
  const scale = Math.min(most, stage.clientWidth / width, stage.clientHeight / height);
  const left = (stage.clientWidth - width * scale) / 2;
  const top = (stage.clientHeight - height * scale) / 2;
  element.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
}
