// Messages between the page and the document that plays a recording.

import type { Chunk } from "../data/records";

/** A mark on the timeline. */
export interface Mark {
  /** Milliseconds since the Unix epoch. */
  at: number;
  label: string;
  kind: "activity" | "failed" | "event";
}

export type ToFrame =
  | { type: "marks"; marks: Mark[]; theme: string }
  | { type: "chunks"; chunks: Chunk[]; live: boolean };
