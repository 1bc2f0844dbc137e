// What the page and the document that plays say to each other.

/** A part of a recording, as the API gives it. */
export interface Chunk {
  number: number;
  track: string;
  /** Events of rrweb, one a line; null where the chunk is damaged. */
  text: string | null;
}

/** Something that happened while it was recorded. */
export interface Mark {
  /** Milliseconds since the Unix epoch. */
  at: number;
  label: string;
  kind: "activity" | "failed" | "event";
}

export type ToFrame =
  | { type: "marks"; marks: Mark[]; theme: string }
  | { type: "chunks"; chunks: Chunk[]; live: boolean };
