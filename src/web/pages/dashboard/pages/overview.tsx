import { useMemo } from "preact/hooks";
import { apiUrl, getJson, segment } from "../data/api";
import { quoted } from "../data/filter";
import {
  compact,
  count,
  date,
  dayMonth,
  duration,
  hourMinute,
  percent,
  period,
  rate,
  unknownPart,
  ZONE,
} from "../data/format";
import { type LoadState, useInterval, useLoad } from "../data/load";
import type { Figures, Metrics, Period } from "../data/records";
import { href, navigate, type Params, replace } from "../data/route";
import { Chart, type Series } from "../parts/chart";
import { Empty, LoadError, Skeleton } from "../parts/states";
import { Breakdown } from "./breakdown";
import { ScopeChoice } from "./scope";

const WINDOWS = ["day", "week", "month"] as const;

/** The overview: figures, history and breakdown of a window. */
export function Overview({ params, running }: { params: Params; running: number | null }) {
  const window = WINDOWS.find((one) => one === params.window) ?? "day";
  const { at, scope } = params;
  const step = window === "month" ? "day" : "hour";
  const path = `metrics/${scope === undefined ? "overall" : scopePath(scope)}`;
  const query = { window, at, step, tz: ZONE };
  const metrics = useLoad(apiUrl(path, query), (signal) => getJson<Metrics>(path, query, signal));
  useInterval(5_000, () => {
    // Past windows do not change.
    if (at === undefined) {
      metrics.reload();
      scopeRunning.reload();
    }
  });
  const scopeRunning = useLoad(`running ${scope ?? ""} ${at ?? ""}`, (signal) => runningOf(scope, signal));
  const put = (changes: Record<string, string | null | undefined>) =>
    href("overview", { ...params, ...changes });
  const { earlier, later } = metrics.data ?? {};
  return (
    <>
      <header class="page-head">
        <h1>Activity</h1>
        <ScopeChoice scope={scope} onChange={(to) => navigate(put({ scope: to }))} />
        <div class="spacer" />
        <div class="segmented" role="group" aria-label="Window">
          {WINDOWS.map((one) => (
            <button
              type="button"
              key={one}
              aria-pressed={one === window}
              onClick={() => replace(put({ window: one === "day" ? null : one }))}
            >
              {one}
            </button>
          ))}
        </div>
        <div class="stepper" role="group" aria-label="Period">
          <button
            type="button"
            class="icon-button"
            aria-label="Previous period"
            disabled={!earlier}
            onClick={() => navigate(put({ at: earlier }))}
          >
            ‹
          </button>
          <span class="stepper-now">{metrics.data === null ? "…" : windowName(metrics.data.window, at)}</span>
          <button
            type="button"
            class="icon-button"
            aria-label="Next period"
            disabled={!later}
            onClick={() => navigate(put({ at: isNow(later) ? null : later }))}
          >
            ›
          </button>
        </div>
      </header>
      <Shown
        metrics={metrics}
        running={at !== undefined ? null : scope === undefined ? running : scopeRunning.data}
      />
      <Breakdown params={params} window={window} at={at} />
    </>
  );
}

function Shown({ metrics, running }: { metrics: LoadState<Metrics>; running: number | null }) {
  const { data, problem, reload } = metrics;
  if (data === null) {
    return problem === null ? (
      <Skeleton what="the metrics" />
    ) : (
      <LoadError what="the metrics" problem={problem} retry={reload} />
    );
  }
  if (data.current.count === 0 && !running) {
    return (
      <Empty title="No activity in this period">
        <p>
          Activities are counted when they end. Wrap a service in <code>ActivityLayer</code>, or go to a
          previous period with ‹.
        </p>
      </Empty>
    );
  }
  if (data.unknown !== null && data.history.every((one) => one.count === null)) {
    return (
      <Empty title="This period is not known">
        <p>{unknownPart(data.unknown)}.</p>
      </Empty>
    );
  }
  return (
    <>
      {data.unknown !== null && <p class="notice">{unknownPart(data.unknown)}.</p>}
      <Cards figures={data.current} running={running} />
      <History metrics={data} />
    </>
  );
}

function Cards({ figures, running }: { figures: Figures; running: number | null }) {
  const cards: [string, string, string][] = [
    ["Turns per hour", rate(figures.turns_per_hour), `${count(figures.turns)} turns`],
    ["Mean turn time", duration(figures.mean_turn_ns), "average gap between turns"],
    ["p95 duration", duration(figures.p95_ns), `mean ${duration(figures.mean_ns)}`],
    [
      "Failed",
      count(figures.failed),
      `${percent(figures.failed, figures.count)} of ${compact(figures.count)}`,
    ],
    ["Active agents", count(figures.active_agents), "agents seen"],
    [
      "Running now",
      running === null ? "–" : count(running),
      running === null ? "past period" : "in progress",
    ],
  ];
  return (
    <dl class="cards">
      {cards.map(([label, value, more]) => (
        <div
          class={`card ${label === "Failed" && (figures.failed ?? 0) > 0 ? "card-failed" : ""}`}
          key={label}
        >
          <dt>{label}</dt>
          <dd>
            <b class="num">{value}</b>
            <span>{more}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function History({ metrics }: { metrics: Metrics }) {
  const { history, current } = metrics;
  const days =
    history[0] !== undefined && Date.parse(history[0].end) - Date.parse(history[0].start) > 20 * 3_600_000;
  const series = useMemo<Series[]>(() => {
    const number = (value: number | null) => (value === null ? "–" : compact(value));
    const values = (of: (figures: Figures) => number | null) => history.map(of);
    return [
      {
        label: "Ended",
        colour: "--chart-all",
        as: "bars",
        scale: "n",
        values: values((of) => of.count),
        text: number,
      },
      {
        label: "Failed",
        colour: "--chart-failed",
        as: "bars",
        scale: "n",
        values: values((of) => of.failed),
        text: number,
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
  const { count: all, failed, cancelled } = current;
  const completed = all === null || failed === null || cancelled === null ? null : all - failed - cancelled;
  const axis = (at: Date) =>
    days || (at.getHours() === 0 && at.getMinutes() === 0) ? dayMonth(at) : hourMinute(at);
  return (
    <section class="panel" aria-labelledby="history">
      <div class="panel-head">
        <h2 id="history">{days ? "By day" : "By hour"}</h2>
        <p class="dim">
          <b class="num">{count(current.count)}</b> ended · <b class="num">{count(completed)}</b> completed ·{" "}
          <b class="num">{count(current.failed)}</b> failed · mean{" "}
          <b class="num">{duration(current.mean_ns)}</b>
        </p>
      </div>
      <Chart
        periods={history}
        window={metrics.window}
        series={series}
        unknown={unknown}
        period={(of) => period(of.start, of.end)}
        axis={axis}
        label={`Activities ${days ? "by day" : "by hour"}: ended, failed, and their duration`}
      />
    </section>
  );
}

/** Counts the running activities of a scope. */
async function runningOf(scope: string | undefined, signal: AbortSignal): Promise<number | null> {
  if (scope === undefined) {
    return null;
  }
  const colon = scope.indexOf(":");
  const q = `status:running ${scope.slice(0, colon)}:${quoted(scope.slice(colon + 1))}`;
  const answer = await getJson<{ activities: unknown[] }>("activities", { q, limit: 1_000 }, signal);
  return answer.activities.length;
}

/** Returns the path of `project:acme` in the API. */
function scopePath(scope: string): string {
  const colon = scope.indexOf(":");
  return `${scope.slice(0, colon)}s/${segment(scope.slice(colon + 1))}`;
}

function isNow(later: string | null | undefined): boolean {
  return (
    later !== null && later !== undefined && new Date(later).toDateString() === new Date().toDateString()
  );
}

function windowName(window: Period, at: string | undefined): string {
  const [start, end] = [new Date(window.start), new Date(Date.parse(window.end) - 1)];
  const one = start.toDateString() === end.toDateString();
  if (one) {
    return at === undefined ? "Today" : date(start);
  }
  return `${date(start)} – ${at === undefined ? "today" : date(end)}`;
}
