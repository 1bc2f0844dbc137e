import { useMemo } from "preact/hooks";
import { countedHref, within } from "../data/counted";
import { dayMonth, hourMinute, isMidnight, period } from "../data/dates";
import { compact, duration } from "../data/format";
import type { Figures, Metrics, Period } from "../data/records";
import { href, navigate, type Params } from "../data/route";
import { type Step, zoomed } from "../data/window";
import { Chart, type Series } from "../parts/chart";

const HEADINGS: Record<Step, string> = { quarter: "By quarter hour", hour: "By hour", day: "By day" };

interface Shown {
  metrics: Metrics;
  params: Params;
  step: Step;
}

/** The history of a window. A bar opens its activities, and a range is zoomed into. */
export function History({ metrics, params, step }: Shown) {
  const { history, counted } = metrics;
  const series = useMemo<Series[]>(() => {
    const number = (value: number | null) => (value === null ? "–" : compact(value));
    const values = (of: (figures: Figures) => number | null) => history.map(of);
    return [
      {
        label: "Activities",
        colour: "--chart-all",
        as: "bars",
        scale: "n",
        values: values((of) => of.count),
        text: number,
      },
      {
        label: "Errors",
        colour: "--chart-failed",
        as: "bars",
        scale: "n",
        values: values((of) => of.failed),
        text: number,
        more: "status:failed",
      },
      {
        label: "p95 duration",
        colour: "--chart-time",
        as: "line",
        scale: "ns",
        values: values((of) => of.p95_ns),
        text: duration,
      },
    ];
  }, [history]);
  const unknown = useMemo(() => history.filter((one) => one.count === null), [history]);
  const heading = HEADINGS[step];
  const axis = (at: Date) => (step === "day" || isMidnight(at) ? dayMonth(at) : hourMinute(at));
  const records = (of: Period, ...more: string[]) => countedHref(params.scope, within(of, counted), ...more);
  const zoom = (range: Period) => {
    const to = zoomed(range);
    navigate(to === null ? records(range) : href("overview", { ...params, since: to.start, until: to.end }));
  };
  return (
    <section class="panel" aria-labelledby="history">
      <div class="panel-head">
        <h2 id="history">{heading}</h2>
      </div>
      <Chart
        periods={history}
        window={metrics.window}
        series={series}
        unknown={unknown}
        period={(of) => period(of.start, of.end)}
        axis={axis}
        records={records}
        onZoom={zoom}
        label={`Activities ${heading.toLowerCase()}: all, errors, and their duration`}
      />
    </section>
  );
}
