import { useMemo } from "preact/hooks";
import { address, ask, part } from "../data/api";
import { quoted } from "../data/filter";
import {
  brief,
  count,
  date,
  dayMonth,
  duration,
  hourMinute,
  period,
  rate,
  share,
  ZONE,
} from "../data/format";
import { type Loaded, useEvery, useLoad } from "../data/load";
import type { Figures, Metrics, Period } from "../data/records";
import { amend, go, href, type Params } from "../data/route";
import { Chart, type Series } from "../parts/chart";
import { Empty, Failure, Waiting } from "../parts/state";
import { Breakdown } from "./breakdown";
import { ScopeChoice } from "./scope";

const WINDOWS = ["day", "week", "month"] as const;

/** How much, how long, how often. */
export function Overview({ params, running }: { params: Params; running: number | null }) {
  const window = WINDOWS.find((one) => one === params.window) ?? "day";
  const { at, scope } = params;
  const step = window === "month" ? "day" : "hour";
  const path = `metrics/${scope === undefined ? "overall" : scopePath(scope)}`;
  const query = { window, at, step, tz: ZONE };
  const metrics = useLoad(address(path, query), (signal) => ask<Metrics>(path, query, signal));
  useEvery(5_000, () => {
    // What is over does not change.
    if (at === undefined) {
      metrics.reload();
      here.reload();
    }
  });
  const here = useLoad(`running ${scope ?? ""} ${at ?? ""}`, (signal) => runningOf(scope, signal));
  const put = (changes: Record<string, string | null | undefined>) =>
    href("overview", { ...params, ...changes });
  const { earlier, later } = metrics.data ?? {};
  return (
    <>
      <header class="page-head">
        <h1>Activity</h1>
        <ScopeChoice scope={scope} onChange={(to) => go(put({ scope: to }))} />
        <div class="spacer" />
        <div class="segmented" role="group" aria-label="Window">
          {WINDOWS.map((one) => (
            <button
              type="button"
              key={one}
              aria-pressed={one === window}
              onClick={() => amend(put({ window: one === "day" ? null : one }))}
            >
              {one}
            </button>
          ))}
        </div>
        <div class="stepper" role="group" aria-label="Period">
          <button
            type="button"
            class="icon-button"
            aria-label="Earlier"
            disabled={!earlier}
            onClick={() => go(put({ at: earlier }))}
          >
            ‹
          </button>
          <span class="stepper-now">{metrics.data === null ? "…" : windowName(metrics.data.window, at)}</span>
          <button
            type="button"
            class="icon-button"
            aria-label="Later"
            disabled={!later}
            onClick={() => go(put({ at: isNow(later) ? null : later }))}
          >
            ›
          </button>
        </div>
      </header>
      <Shown
        metrics={metrics}
        running={at !== undefined ? null : scope === undefined ? running : here.data}
      />
      <Breakdown params={params} window={window} at={at} />
    </>
  );
}

function Shown({ metrics, running }: { metrics: Loaded<Metrics>; running: number | null }) {
  const { data, problem, reload } = metrics;
  if (data === null) {
    return problem === null ? (
      <Waiting what="metrics" />
    ) : (
      <Failure what="the metrics" problem={problem} retry={reload} />
    );
  }
  if (data.current.count === 0 && !running) {
    return (
      <Empty title="Nothing happened then">
        <p>
          Calls that end are counted here. Wrap a service with <code>ActivityLayer</code>, or go to an earlier
          period with ‹.
        </p>
      </Empty>
    );
  }
  return (
    <>
      <Cards figures={data.current} running={running} />
      <History metrics={data} />
    </>
  );
}

function Cards({ figures, running }: { figures: Figures; running: number | null }) {
  const cards: [string, string, string][] = [
    ["Turns per hour", rate(figures.turns_per_hour), `${count(figures.turns)} turns`],
    ["Mean turn time", duration(figures.mean_turn_ns), "from one turn to the next"],
    ["p95 duration", duration(figures.p95_ns), `mean ${duration(figures.mean_ns)}`],
    ["Failed", count(figures.failed), `${share(figures.failed, figures.count)} of ${brief(figures.count)}`],
    ["Active agents", count(figures.active_agents), "started something"],
    [
      "Running now",
      running === null ? "–" : count(running),
      running === null ? "at another time" : "not ended yet",
    ],
  ];
  return (
    <dl class="cards">
      {cards.map(([label, value, more]) => (
        <div class={`card ${label === "Failed" && figures.failed > 0 ? "card-failed" : ""}`} key={label}>
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
    const number = (value: number | null) => (value === null ? "–" : brief(value));
    const passed = (of: Period) => Date.parse(of.start) <= Date.now();
    const values = (of: (figures: Figures) => number | null) =>
      history.map((one) => (passed(one) ? of(one) : null));
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
  const completed = current.count - current.failed - current.cancelled;
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
        period={(of) => period(of.start, of.end)}
        axis={axis}
        label={`Activities ${days ? "by day" : "by hour"}: ended, failed, and their duration`}
      />
    </section>
  );
}

/** How many run of a scope. */
async function runningOf(scope: string | undefined, signal: AbortSignal): Promise<number | null> {
  if (scope === undefined) {
    return null;
  }
  const colon = scope.indexOf(":");
  const q = `status:running ${scope.slice(0, colon)}:${quoted(scope.slice(colon + 1))}`;
  const answer = await ask<{ activities: unknown[] }>("activities", { q, limit: 1_000 }, signal);
  return answer.activities.length;
}

/** `project:acme` as the API has it. */
function scopePath(scope: string): string {
  const colon = scope.indexOf(":");
  return `${scope.slice(0, colon)}s/${part(scope.slice(colon + 1))}`;
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
