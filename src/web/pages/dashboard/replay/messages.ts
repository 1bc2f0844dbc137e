// Messages between the page and the document that plays a recording.

import type { Chunk } from "../data/records";

/** Something that the recording itself tells. */
export interface Mark {
  /** Milliseconds since the Unix epoch. */
  at: number;
  kind: "navigation" | "click" | "input" | "error" | "warning" | "console" | "marker";
  text: string;
  /** True for an error on the console. */
  failed: boolean;
}

/** Times are in milliseconds since the Unix epoch. */
export type ToFrame =
  | { type: "open"; format: string; start: number; live: boolean }
  | { type: "theme"; theme: string }
  | { type: "chunks"; chunks: Chunk[] }
  /** Numbered from 1. */
  | { type: "seek"; at: number; play: boolean; number: number }
  | { type: "settings"; speed: number; skip: boolean };

export type FromFrame =
  | { type: "ready" }
  /** Sent again when chunks are added. */
  | { type: "loaded"; first: number; last: number; damaged: number; marks: Mark[] }
  /** After the seek with this number; 0 before the first. */
  | { type: "state"; at: number; playing: boolean; seek: number }
  | { type: "key"; key: string; shiftKey: boolean };
