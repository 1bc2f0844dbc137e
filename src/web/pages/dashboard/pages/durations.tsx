import { useState } from "preact/hooks";
import { countedHref } from "../data/counted";
import { count, duration, plural } from "../data/format";
import { bars, place, ticks } from "../data/histogram";
import type { Metrics } from "../data/records";
import { roundDuration } from "../data/ticks";

/** The most bars, and the most labels of their axis. */
const BARS = 40;
const TICKS = 7;

/** The distribution of durations. A bar opens the activities that took as long. */
export function Durations({ metrics, scope }: { metrics: Metrics; scope: string | undefined }) {
  const { durations, counted, current } = metrics;
  const [focused, setFocused] = useState(0);
  if (durations === null || durations.length === 0) {
    return null;
  }
  const all = bars(durations, BARS);
  const most = Math.max(...all.map((bar) => bar.count));
  const [first, last] = [all[0]?.min_ns ?? 0, (all.at(-1)?.max_ns ?? 0) + 1];
  const at = (ns: number) => `${(100 * (place(ns) - place(first))) / (place(last) - place(first))}%`;
  const keyed = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined || !(event.currentTarget instanceof Element)) {
      return;
    }
    event.preventDefault();
    const links = [...event.currentTarget.querySelectorAll("a")];
    const from = links.indexOf(document.activeElement as HTMLAnchorElement);
    const to = Math.min(links.length - 1, Math.max(0, from + step));
    links[to]?.focus();
    setFocused(to);
  };
  const filled = all.filter((bar) => bar.count > 0);
  const marks = [
    ["p50", current.p50_ns],
    ["p95", current.p95_ns],
    ["p99", current.p99_ns],
  ] as const;
  return (
    <section class="panel panel-durations" aria-labelledby="durations">
      <div class="panel-head">
        <h2 id="durations">Durations</h2>
        <p class="dim">
          {marks.map(([label, ns]) => (
            <span key={label} class="histogram-legend">
              <span class="swatch swatch-line" style={{ background: "var(--chart-time)" }} />
              {label} <b class="num">{duration(ns)}</b>
            </span>
          ))}
        </p>
      </div>
      <div class="histogram">
        <ol aria-labelledby="durations" onKeyDown={keyed}>
          {all.map((bar) => (
            <li key={bar.min_ns}>
              {bar.count > 0 && (
                <a
                  href={countedHref(scope, counted, `duration:${bar.min_ns}ns..${bar.max_ns}ns`)}
                  tabIndex={filled.indexOf(bar) === Math.min(focused, filled.length - 1) ? 0 : -1}
                  aria-label={`${duration(bar.min_ns)} to ${duration(bar.max_ns + 1)}: ${plural(bar.count, "activity", "activities")}`}
                  title={`${duration(bar.min_ns)} – ${duration(bar.max_ns + 1)}: ${count(bar.count)}`}
                >
                  <span style={{ height: `${(100 * bar.count) / most}%` }} />
                </a>
              )}
            </li>
          ))}
        </ol>
        {marks.map(
          ([label, ns]) =>
            ns !== null && (
              <span key={label} class="histogram-mark" style={{ left: at(ns) }} aria-hidden="true" />
            ),
        )}
        <div class="histogram-axis" aria-hidden="true">
          {ticks(all, TICKS).map((tick) => (
            <span key={tick.ns} class="histogram-tick" style={{ left: `${100 * tick.at}%` }}>
              {roundDuration(tick.ns)}
            </span>
          ))}
        </div>
      </div>
    </section>
  );
}
