import { useMemo } from "preact/hooks";
import type { CallRange, Entry } from "../data/entries";
import { mediaTime } from "../data/format";
import { printable } from "../data/names";
import { Name } from "./name";

/** The maximum number of ticks. */
const MAX_TICKS = 400;
/** Calls at the same time are shown in up to this many lanes. */
const MAX_LANES = 3;

interface Shown {
  /** The start and the end, in milliseconds since the Unix epoch. */
  from: number;
  until: number;
  at: number;
  ranges: readonly CallRange[];
  /** The call that was opened: its range is shaded. */
  own: string | undefined;
  entries: readonly Entry[];
  onSeek: (at: number) => void;
}

/** The timeline of a recording: its calls, a slider, and ticks for what happened. */
export function SeekBar({ from, until, at, ranges, own, entries, onSeek }: Shown) {
  const total = Math.max(1, until - from);
  const text = (when: number) => mediaTime(when - from, total);
  const part = (when: number) => Math.min(100, Math.max(0, (100 * (when - from)) / total));
  const span = (of: CallRange) => ({
    left: `${part(of.from)}%`,
    width: `max(4px, ${part(of.until) - part(of.from)}%)`,
  });
  // They do not change while it plays.
  const marks = useMemo(
    () => (
      <>
        <div class="seek-calls" role="group" aria-label="Calls">
          {lanes(ranges).map((lane, n) => (
            <div class="seek-lane" key={`lane ${n}`}>
              {lane.map((range) => (
                <button
                  type="button"
                  key={range.activity.id}
                  class={`seek-call seek-call-${range.activity.status}`}
                  aria-current={range.activity.id === own ? "true" : undefined}
                  style={span(range)}
                  title={`${printable(range.activity.name)} · ${range.activity.status} · ${text(range.from)}`}
                  aria-label={`Go to call ${printable(range.activity.name)}, ${range.activity.status}, at ${text(range.from)}`}
                  onMouseDown={(event) => event.preventDefault()}
                  onClick={() => onSeek(range.from)}
                >
                  <Name text={range.activity.name} />
                </button>
              ))}
            </div>
          ))}
        </div>
        {/* The list beside it has the same for the keyboard. */}
        <div class="seek-ticks" aria-hidden="true">
          {entries
            .filter((one) => one.kind !== "call")
            .slice(0, MAX_TICKS)
            .map((one) => (
              <button
                type="button"
                key={one.key}
                tabIndex={-1}
                class={`seek-tick tick-${one.status === "failed" ? "failed" : one.kind}`}
                style={{ left: `${part(one.at)}%` }}
                title={`${one.text} · ${text(one.at)}`}
                onMouseDown={(event) => event.preventDefault()}
                onClick={() => onSeek(one.at)}
              />
            ))}
        </div>
      </>
    ),
    [from, until, ranges, own, entries, onSeek],
  );
  return (
    <div class="seek">
      {marks}
      <div class="seek-slider">
        <div class="seek-owns">
          {ranges
            .filter((range) => range.activity.id === own)
            .map((range) => (
              <span key={range.from} class="seek-own" style={span(range)} />
            ))}
        </div>
        <input
          type="range"
          aria-label="Time"
          aria-valuetext={text(at)}
          min={0}
          max={total}
          step={10}
          value={at - from}
          onInput={(event) => onSeek(from + Number(event.currentTarget.value))}
        />
      </div>
    </div>
  );
}

/** Distributes ranges over lanes in which they do not overlap. */
function lanes(ranges: readonly CallRange[]): CallRange[][] {
  const found: CallRange[][] = [];
  for (const range of ranges) {
    const free = found.find((lane) => (lane.at(-1)?.until ?? 0) <= range.from);
    if (free !== undefined) {
      free.push(range);
    } else if (found.length < MAX_LANES) {
      found.push([range]);
    } else {
      found.at(-1)?.push(range);
    }
  }
  return found;
}
