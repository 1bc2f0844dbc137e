import { useRef } from "preact/hooks";
import { apiUrl, getJson } from "../data/api";
import { span, unknownPart } from "../data/format";
import { type LoadState, useInterval, useLoad } from "../data/load";
import type { Metrics, Period } from "../data/records";
import { href, navigate, type Params, replace } from "../data/route";
import { periodBefore, type Shown, shifted, shownTime, WINDOWS } from "../data/window";
import { useKeys } from "../parts/keys";
import { Empty, LoadError, Skeleton } from "../parts/states";
import { Breakdown } from "./breakdown";
import { Cards } from "./cards";
import { Durations } from "./durations";
import { History } from "./history";
import { ScopeChoice } from "./scope";

/** The overview: figures, history, durations and breakdown of a window or of a range. */
export function Overview({ params, running }: { params: Params; running: number | null }) {
  const time = shownTime(params, Date.now());
  const { scope } = params;
  const query = { ...time.query, step: time.step, q: scope };
  const metrics = useLoad(apiUrl("metrics/overall", query), (signal) =>
    getJson<Metrics>("metrics/overall", query, signal),
  );
  const scopeRunning = useLoad(`running ${scope ?? ""} ${time.present}`, (signal) =>
    time.present ? runningOf(scope, signal) : Promise.resolve(null),
  );
  useInterval(5_000, () => {
    // Past windows do not change.
    if (time.present) {
      metrics.reload();
      scopeRunning.reload();
    }
  });
  const put = (changes: Record<string, string | null | undefined>) =>
    href("overview", { ...params, ...changes });
  const reset = () => navigate(put({ since: null, until: null }));
  useKeys(time.window === null ? { Escape: reset } : {});
  const { earlier, later } = metrics.data ?? {};
  const step = (by: 1 | -1) => {
    const at = by < 0 ? earlier : later;
    if (time.window === null && metrics.data !== null) {
      const to = shifted(metrics.data.window, by);
      navigate(put({ since: to.start, until: to.end }));
    } else {
      navigate(put({ at: by > 0 && isToday(at) ? null : at }));
    }
  };
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
              aria-pressed={one === time.window}
              onClick={() => replace(put({ window: one === "day" ? null : one, since: null, until: null }))}
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
            onClick={() => step(-1)}
          >
            ‹
          </button>
          <span class="stepper-now">
            {metrics.data === null ? "…" : windowName(metrics.data.window, time)}
          </span>
          <button
            type="button"
            class="icon-button"
            aria-label="Next period"
            disabled={!later}
            onClick={() => step(1)}
          >
            ›
          </button>
        </div>
        {time.window === null && (
          <button type="button" class="button" onClick={reset}>
            Reset zoom
          </button>
        )}
      </header>
      <Loaded
        metrics={metrics}
        params={params}
        time={time}
        running={!time.present ? null : scope === undefined ? running : scopeRunning.data}
      />
      <Breakdown params={params} time={time} />
    </>
  );
}

interface LoadedProps {
  metrics: LoadState<Metrics>;
  params: Params;
  time: Shown;
  running: number | null;
}

function Loaded({ metrics, params, time, running }: LoadedProps) {
  const { data, problem, reload } = metrics;
  const now = useRef(0);
  now.current = Date.now();
  const before = useBefore(data, params.scope, time, now.current);
  if (data === null) {
    return problem === null ? (
      <Skeleton what="the metrics" />
    ) : (
      <LoadError what="the metrics" problem={problem} retry={reload} />
    );
  }
  if (data.current.count === 0 && !running) {
    return <Nothing metrics={data} params={params} time={time} />;
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
      <Cards metrics={data} params={params} before={before} running={running} now={now.current} />
      {data.current.count !== 0 && (
        <div class="charts">
          <History metrics={data} params={params} step={time.step} />
          <Durations metrics={data} scope={params.scope} />
        </div>
      )}
    </>
  );
}

/** Loads the metrics of the period before. */
function useBefore(data: Metrics | null, scope: string | undefined, time: Shown, now: number) {
  const period = data === null ? null : periodBefore(data, time.window, now);
  const query =
    period === null
      ? null
      : { since: period.start, until: period.end, tz: time.query.tz, step: "day", q: scope };
  const key = query === null ? "" : apiUrl("metrics/overall", query);
  return useLoad(key, (signal) =>
    query === null ? Promise.resolve(null) : getJson<Metrics>("metrics/overall", query, signal),
  ).data;
}

function Nothing({ metrics, params, time }: { metrics: Metrics; params: Params; time: Shown }) {
  const { earlier } = metrics;
  if (earlier === null && time.present && params.scope === undefined) {
    return (
      <Empty title="No activities yet">
        <p>
          Wrap a service in <code>ActivityLayer::new(&log)</code>, or start a job with{" "}
          <code>log.start(Describe::job("import"))</code>. Activities appear here when they have ended.
        </p>
      </Empty>
    );
  }
  return (
    <Empty title="No activity in this period">
      <p>
        {earlier === null
          ? "There is none before it, either."
          : "Activities are counted when they have ended."}{" "}
        {earlier !== null && time.window !== null && (
          <a href={href("overview", { ...params, at: earlier })}>Previous period</a>
        )}
        {params.scope !== undefined && (
          <>
            {" "}
            <a href={href("overview", { ...params, scope: null })}>All activity</a>
          </>
        )}
      </p>
    </Empty>
  );
}

/** Counts the running activities of a scope. */
async function runningOf(scope: string | undefined, signal: AbortSignal): Promise<number | null> {
  if (scope === undefined) {
    return null;
  }
  const q = `${scope} status:running`;
  const answer = await getJson<{ activities: unknown[] }>("activities", { q, limit: 1_000 }, signal);
  return answer.activities.length;
}

function isToday(at: string | null | undefined): boolean {
  return typeof at === "string" && new Date(at).toDateString() === new Date().toDateString();
}

function windowName(window: Period, time: Shown): string {
  const { start, end } = window;
  if (time.window === null || !time.present) {
    return span(start, end);
  }
  return time.window === "day" ? "Today" : `${span(start, end).split(" – ")[0]} – today`;
}
