import { useRef } from "preact/hooks";
import { apiUrl, getJson } from "../data/api";
import { unknownPart } from "../data/dates";
import { type LoadState, useLoad } from "../data/load";
import type { Metrics } from "../data/records";
import { href, navigate, type Params } from "../data/route";
import { periodBefore, type Shown, shownTime } from "../data/window";
import { FirstRun } from "../parts/firstrun";
import { Empty, LoadError, Skeleton } from "../parts/states";
import { WindowChoice } from "../parts/windowchoice";
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
  // Past windows do not change.
  const refresh = time.present ? { changing: 10_000 } : null;
  const metrics = useLoad(
    apiUrl("metrics/overall", query),
    (signal) => getJson<Metrics>("metrics/overall", query, signal),
    refresh,
  );
  const scopeRunning = useLoad(
    `running ${scope ?? ""} ${time.present}`,
    (signal) => (time.present ? runningOf(scope, signal) : Promise.resolve(null)),
    scope === undefined ? null : refresh,
  );
  const put = (changes: Record<string, string | null | undefined>) =>
    href("overview", { ...params, ...changes });
  return (
    <>
      <header class="page-head">
        <h1>Activity</h1>
        <ScopeChoice scope={scope} onChange={(to) => navigate(put({ scope: to }))} />
        <div class="spacer" />
        <WindowChoice time={time} shown={metrics.data} put={put} />
      </header>
      {isEmptyStore(params, time, metrics.data, running) ? (
        <FirstRun />
      ) : (
        <>
          <Loaded
            metrics={metrics}
            params={params}
            time={time}
            running={!time.present ? null : scope === undefined ? running : scopeRunning.data}
          />
          <Breakdown params={params} time={time} />
        </>
      )}
    </>
  );
}

/** Whether nothing was ever recorded. */
function isEmptyStore(
  { scope }: Params,
  time: Shown,
  metrics: Metrics | null,
  running: number | null,
): boolean {
  const isNow = time.window !== null && time.present && scope === undefined && !running;
  return isNow && metrics !== null && metrics.current.count === 0 && !metrics.earlier;
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
      {data.current.count === 0 ? (
        <p class="notice">Activities are counted when they end: none has ended in this period yet.</p>
      ) : (
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
