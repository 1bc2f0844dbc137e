import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { ZONE } from "../data/dates";
import type { Period } from "../data/records";
import { navigate } from "../data/route";
import { COUNT_STEPS, DURATION_STEPS, roundDuration } from "../data/ticks";

export interface Series {
  label: string;
  /** A custom property of the style sheet. */
  colour: string;
  as: "bars" | "line";
  scale: "n" | "ns";
  values: (number | null)[];
  text: (value: number | null) => string;
  /** The term of the filter that selects what it counts, if not all. */
  more?: string;
}

interface Shown {
  /** The period of each point. */
  periods: readonly Period[];
  /** The whole window, including the future. */
  window: Period;
  series: Series[];
  /** Periods whose values are not known; they are hatched. */
  unknown: readonly Period[];
  period: (of: Period) => string;
  axis: (at: Date) => string;
  /** The address of the records of a period that match a filter. */
  records: (of: Period, ...more: string[]) => string;
  onZoom: (range: Period) => void;
  label: string;
  /** A low chart without a scale, a legend and a table. */
  compact?: boolean;
}

/**
 * A chart with a legend to toggle series, a tooltip with exact values, and a table of the data. A click on a period, or Enter,
 * opens its records; a range is selected by dragging, or with Shift and the arrow keys, and zoomed into.
 */
export function Chart(given: Shown) {
  const { periods, window, series, unknown, period, axis, records, onZoom, label, compact = false } = given;
  const height = compact ? LOW : HEIGHT;
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [at, setAt] = useState<{ n: number; x: number } | null>(null);
  /** The first period of a range that is selected with the keyboard. */
  const [anchor, setAnchor] = useState<number | null>(null);
  const [off, setOff] = useState<ReadonlySet<string>>(new Set());
  const hint = useId();
  const themes = useThemes();
  const gaps = unknown.map((one) => one.start);
  const shape = [...series.map((one) => one.label), window.start, window.end, themes, ...gaps].join();
  const zoom = (first: number, last: number) => {
    const [start, end] = [periods[first]?.start, periods[last]?.end];
    setAnchor(null);
    if (start !== undefined && end !== undefined) {
      onZoom({ start, end });
    }
  };
  const open = (n: number) => {
    const of = periods[n];
    if (of !== undefined) {
      navigate(records(of));
    }
  };
  const periodAt = (time: number) =>
    periods.findIndex((of) => seconds(of.start) <= time && time < seconds(of.end));
  const select = (from: number, to: number) => {
    const [first, last] = [periodAt(from), periodAt(to)];
    // Beyond the present there are no periods.
    zoom(first < 0 ? periods.length : first, last < 0 ? periods.length - 1 : last);
  };
  const handlers = useRef({ setAt, select });
  handlers.current = { setAt, select };
  const pressed = useRef(0);
  const clicked = (event: MouseEvent) => {
    const now = plot.current;
    if (now !== null && event.target === now.over && Math.abs(event.clientX - pressed.current) < DRAG) {
      open(periodAt(now.posToVal(event.clientX - now.over.getBoundingClientRect().left, "x")));
    }
  };

  // A new chart only when `shape` changes. Before the paint: a key or a drag may come at once.
  useLayoutEffect(() => {
    const element = frame.current;
    if (element === null) {
      return;
    }
    const made = new uPlot(
      options(element, window, series, unknown, axis, handlers, compact),
      data(periods, series, off),
      element,
    );
    plot.current = made;
    const sized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    sized.observe(element);
    return () => {
      sized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);
  useLayoutEffect(() => plot.current?.setData(data(periods, series, off)), [periods, series, off]);
  useLayoutEffect(() => {
    // Without an anchor the selection is uPlot's, which may be dragging.
    const now = plot.current;
    if (anchor === null || at === null || now === null) {
      return;
    }
    const [start, end] = [periods[Math.min(anchor, at.n)], periods[Math.max(anchor, at.n)]];
    const left = start === undefined ? 0 : now.valToPos(seconds(start.start), "x");
    const right = end === undefined ? 0 : now.valToPos(seconds(end.end), "x");
    now.setSelect({ left, width: right - left, top: 0, height: now.over.clientHeight }, false);
    return () => now.setSelect(NO_SELECTION, false);
  }, [anchor, at?.n]);

  const moved = (step: number, selects: boolean) => {
    const now = plot.current;
    const to = Math.min(periods.length - 1, Math.max(0, (at?.n ?? -1) + step));
    const of = periods[to];
    if (of !== undefined && now !== null) {
      setAnchor(selects ? (anchor ?? at?.n ?? to) : null);
      now.setCursor({ left: now.valToPos(middle(of), "x"), top: 40 });
    }
  };
  const keyed = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -periods.length, End: periods.length }[event.key];
    if (step !== undefined) {
      moved(step, event.shiftKey);
    } else if (event.key === "Enter" && at !== null) {
      if (anchor === null) {
        open(at.n);
      } else {
        zoom(Math.min(anchor, at.n), Math.max(anchor, at.n));
      }
    } else if (event.key === "Escape" && anchor !== null) {
      setAnchor(null);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  const toggle = (name: string) => {
    const next = new Set(off);
    if (!next.delete(name)) {
      next.add(name);
    }
    setOff(next);
  };
  const shown = at === null ? undefined : periods[at.n];
  return (
    <figure class={`chart ${compact ? "chart-compact" : ""}`}>
      <div class="legend" hidden={compact}>
        {series.map((one) => (
          <button
            type="button"
            key={one.label}
            class="legend-entry"
            aria-pressed={!off.has(one.label)}
            onClick={() => toggle(one.label)}
          >
            <span class={`swatch swatch-${one.as}`} style={{ background: `var(${one.colour})` }} />
            {one.label}
          </button>
        ))}
        {unknown.length > 0 && (
          <span class="legend-entry">
            <span class="swatch swatch-unknown" />
            Unknown
          </span>
        )}
      </div>
      <div class="plot-frame">
        <div
          ref={frame}
          class="plot"
          role="img"
          aria-label={label}
          aria-describedby={hint}
          tabIndex={0}
          onKeyDown={keyed}
          onPointerDown={(event) => {
            pressed.current = event.clientX;
          }}
          onClick={clicked}
          onBlur={() => {
            setAt(null);
            setAnchor(null);
          }}
        />
        {at !== null && shown !== undefined && (
          <div
            class={`tooltip ${at.x > 0.6 ? "tooltip-left" : ""}`}
            style={{ left: `${100 * at.x}%` }}
            role="status"
          >
            <strong>{period(shown)}</strong>
            {series.map((one) => (
              <span key={one.label} class="tooltip-row">
                <span class="swatch" style={{ background: `var(${one.colour})` }} />
                {one.label}
                <b class="num">{one.text(one.values[at.n] ?? null)}</b>
              </span>
            ))}
          </div>
        )}
      </div>
      <p id={hint} class={compact ? "sr-only" : "dim chart-hint"}>
        Click a bar to list its activities, drag to zoom in. With the keyboard: arrow keys, Shift to select,
        Enter.
      </p>
      <details class="as-table" hidden={compact}>
        <summary>Show as table</summary>
        <div class="table-scroll" role="group" tabIndex={0} aria-label={label}>
          <table>
            <caption class="sr-only">{label}</caption>
            <thead>
              <tr>
                <th scope="col">Period</th>
                {series.map((one) => (
                  <th scope="col" class="right" key={one.label}>
                    {one.label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {periods.map((of, n) => (
                <tr key={of.start}>
                  <th scope="row">{period(of)}</th>
                  {series.map((one) => (
                    <td class="right num" key={one.label}>
                      {one.as === "bars" && one.values[n] !== null ? (
                        <a href={records(of, ...(one.more === undefined ? [] : [one.more]))}>
                          {one.text(one.values[n] ?? null)}
                        </a>
                      ) : (
                        one.text(one.values[n] ?? null)
                      )}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

const HEIGHT = 240;
const LOW = 92;
/** Room for half a label beside a chart without a scale. */
const EDGE = 20;
/** The width of an axis of values. */
const AXIS = 56;
const NO_SELECTION = { left: 0, width: 0, top: 0, height: 0 };
/** Movements of less than this many pixels are clicks. */
const DRAG = 6;
const seconds = (at: string) => Date.parse(at) / 1_000;
const middle = (of: Period) => (seconds(of.start) + seconds(of.end)) / 2;

function data(periods: readonly Period[], series: Series[], off: ReadonlySet<string>): uPlot.AlignedData {
  const shown = (one: Series) => (off.has(one.label) ? one.values.map(() => null) : one.values);
  return [periods.map(middle), ...series.map(shown)];
}

function options(
  element: HTMLElement,
  window: Period,
  series: Series[],
  unknown: readonly Period[],
  axis: (at: Date) => string,
  handlers: {
    current: {
      setAt: (at: { n: number; x: number } | null) => void;
      select: (from: number, to: number) => void;
    };
  },
  compact: boolean,
): uPlot.Options {
  // A canvas does not resolve custom properties.
  const colour = (name: string) => {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    element.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };
  const bars = uPlot.paths.bars?.({ size: [0.72, 48], radius: 0.15 });
  const line = {
    stroke: colour("--text-dim"),
    font: `11px ${getComputedStyle(element).fontFamily}`,
    ticks: { show: false },
  };
  const grid = { stroke: colour("--line"), width: 1 };
  const texts = (scale: string) => series.find((one) => one.scale === scale)?.text ?? String;
  const scaled = [...new Set(series.map((one) => one.scale))];
  const least = (_: uPlot, __: number, max: number | null): [number, number] => [
    0,
    Math.max(max ?? 0, 1) * 1.1,
  ];
  return {
    width: element.clientWidth,
    height: compact ? LOW : HEIGHT,
    padding: compact ? [8, EDGE, 0, EDGE] : [8, 8, 0, 0],
    legend: { show: false },
    tzDate: (at) => uPlot.tzDate(new Date(at * 1_000), ZONE),
    cursor: {
      y: false,
      points: { show: false },
      // A click that moves a little is still one.
      drag: { setScale: false, x: true, y: false, dist: DRAG, click: () => {} },
      bind: { dblclick: () => null },
    },
    scales: {
      x: { time: true, range: [seconds(window.start), seconds(window.end)] },
      n: { range: least },
      ns: { range: least },
    },
    axes: [
      {
        ...line,
        grid: { show: false },
        space: 64,
        size: 30,
        values: (_, at) => at.map((one) => axis(new Date(one * 1_000))),
      },
      ...scaled.map((scale, n) => ({
        ...line,
        scale,
        show: !compact,
        side: n === 0 ? 3 : 1,
        size: AXIS,
        grid: n === 0 ? grid : { show: false },
        incrs: [...(scale === "n" ? COUNT_STEPS : DURATION_STEPS)],
        // Without data the scale means nothing.
        values: (plot: uPlot, values: number[]) =>
          hasData(plot, scale) ? values.map(scale === "n" ? texts(scale) : roundDuration) : [],
      })),
    ],
    series: [
      {},
      ...series.map((one) => ({
        label: one.label,
        scale: one.scale,
        stroke: colour(one.colour),
        ...(one.as === "bars"
          ? { fill: colour(one.colour), width: 0, ...(bars && { paths: bars }), points: { show: false } }
          : { width: 1.5, spanGaps: true, points: { show: true, size: 4, fill: colour(one.colour) } }),
      })),
    ],
    hooks: {
      drawClear: [(plot) => hatch(plot, unknown, colour("--line"))],
      setCursor: [
        (plot) => {
          const n = plot.cursor.idx;
          const left = plot.cursor.left ?? -1;
          const isAt = typeof n === "number" && left >= 0;
          handlers.current.setAt(isAt ? { n, x: (left + (compact ? EDGE : AXIS)) / plot.width } : null);
        },
      ],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          plot.setSelect(NO_SELECTION, false);
          handlers.current.select(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
        },
      ],
    },
  };
}

function hasData(plot: uPlot, scale: string): boolean {
  return plot.series.some(
    (one, n) => one.scale === scale && (plot.data[n] ?? []).some((value) => value !== null),
  );
}

/** Hatches some periods over the height of the plot. */
function hatch(plot: uPlot, periods: readonly Period[], colour: string) {
  const { ctx, bbox } = plot;
  const gap = 8 * devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = devicePixelRatio;
  for (const of of periods) {
    const [left, right] = [of.start, of.end].map((at) => plot.valToPos(seconds(at), "x", true)) as [
      number,
      number,
    ];
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, bbox.top, right - left, bbox.height);
    ctx.clip();
    ctx.beginPath();
    // Aligned over neighbouring periods.
    for (let x = Math.floor((left - bbox.height) / gap) * gap; x < right; x += gap) {
      ctx.moveTo(x, bbox.top + bbox.height);
      ctx.lineTo(x + bbox.height, bbox.top);
    }
    ctx.stroke();
    ctx.restore();
  }
  ctx.restore();
}

/** Changes with the theme. */
function useThemes(): number {
  const [round, setRound] = useState(0);
  useLayoutEffect(() => {
    const changed = () => setRound((n) => n + 1);
    const system = matchMedia("(prefers-color-scheme: dark)");
    system.addEventListener("change", changed);
    addEventListener("theme", changed);
    return () => {
      system.removeEventListener("change", changed);
      removeEventListener("theme", changed);
    };
  }, []);
  return round;
}
