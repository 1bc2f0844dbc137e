import { printable } from "../data/names";
import type { Status } from "../data/records";
import { Name } from "./name";

const MARKS: Record<Status, string> = {
  running: "M8 2.5a5.5 5.5 0 1 1-5.5 5.5",
  success: "M3.5 8.4 6.6 11.5 12.5 4.8",
  failed: "M4.5 4.5l7 7M11.5 4.5l-7 7",
  cancelled: "M3.5 8h9",
  skipped: "M4 4.5 8 8l-4 3.5M9 4.5 13 8l-4 3.5",
  abandoned: "M8 3.5v5.5M8 11.9v.2",
};

/** A status, shown by shape and word as well as by color. */
export function StatusMark({ status, label = false }: { status: Status; label?: boolean }) {
  return (
    <span class={`status status-${status}`}>
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" class="mark">
        <path d={MARKS[status]} />
      </svg>
      <span class={label ? "" : "sr-only"}>{status}</span>
    </span>
  );
}

export function Brand({ name }: { name: string }) {
  return (
    <span class={`badge tone-${tone(name)}`} title={printable(name)}>
      <Name text={name} />
    </span>
  );
}

export function Tag({ children }: { children: string }) {
  return <span class="tag">{children}</span>;
}

/** Returns one of six tones, the same for the same name. */
function tone(name: string): number {
  let hash = 0;
  for (const char of name) {
    hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  }
  return hash % 6;
}
