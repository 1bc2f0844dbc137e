import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { ENTRY_KINDS, type Entry, type EntryKind, entryAt } from "../data/entries";
import { count, mediaTime } from "../data/format";
import { href } from "../data/route";
import { StatusMark } from "./badge";

interface Shown {
  from: number;
  until: number;
  at: number;
  entries: readonly Entry[];
  /** All kinds with their number of entries. */
  counts: ReadonlyMap<EntryKind, number>;
  hidden: ReadonlySet<EntryKind>;
  onToggle: (kind: EntryKind) => void;
  /** `null` in a live recording. */
  onSeek: ((at: number) => void) | null;
}

/** What happened in a recording, row by row; a row seeks. Its heading is the legend of the timeline, too. */
export function Entries({ from, until, at, entries, counts, hidden, onToggle, onSeek }: Shown) {
  const list = useRef<HTMLOListElement>(null);
  const now = entryAt(entries, at);
  // Keeps the current row in view, without scrolling the page.
  useLayoutEffect(() => {
    const frame = list.current;
    const row = frame?.children[now];
    if (frame === null || !(row instanceof HTMLElement)) {
      return;
    }
    const top = row.offsetTop - frame.offsetTop;
    if (top < frame.scrollTop || top + row.offsetHeight > frame.scrollTop + frame.clientHeight) {
      frame.scrollTop = top - frame.clientHeight / 2;
    }
  }, [now]);
  const rows = useMemo(
    () =>
      entries.map((one, n) => (
        <li key={one.key} class="entry" aria-current={n === now ? "true" : undefined}>
          <button
            type="button"
            class="entry-link"
            disabled={onSeek === null}
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => onSeek?.(one.at)}
          >
            <span class="num dim">{mediaTime(one.at - from, until - from)}</span>
            <span class={`tick-sign tick-${one.kind}`} aria-hidden="true" />
            <span class={`entry-text ${one.status === "failed" ? "bad" : ""}`}>
              {one.status !== null && <StatusMark status={one.status} />}
              <span class="sr-only">{one.kind} </span>
              <bdi>{one.text}</bdi>
            </span>
          </button>
          {one.activity !== null && one.kind !== "event" && one.status === null && (
            <a
              class="entry-open"
              href={href("activity", { id: one.activity })}
              aria-label={`View ${one.text}`}
            >
              ›
            </a>
          )}
        </li>
      )),
    [entries, now, from, until, onSeek],
  );
  return (
    <section class="entries" aria-labelledby="entries">
      <h2 id="entries" class="sr-only">
        What happened
      </h2>
      <div class="legend" role="group" aria-label="Show on the timeline and in the list">
        {ENTRY_KINDS.filter(([kind]) => counts.has(kind)).map(([kind, label]) => (
          <button
            type="button"
            key={kind}
            class="legend-entry"
            aria-pressed={!hidden.has(kind)}
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => onToggle(kind)}
          >
            <span class={`tick-sign tick-${kind}`} aria-hidden="true" />
            {label} <span class="num dim">{count(counts.get(kind) ?? 0)}</span>
          </button>
        ))}
      </div>
      <ol ref={list} class="entry-list" tabIndex={0} aria-labelledby="entries">
        {rows}
      </ol>
    </section>
  );
}
