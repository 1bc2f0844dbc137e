import { apiUrl, getJson, segment } from "../data/api";
import { quoted } from "../data/filter";
import { compact, dateMinute, duration, percent, rate, ZONE } from "../data/format";
import { useInterval, useLoad } from "../data/load";
import type { Figures, Metrics, Ranking } from "../data/records";
import { href, type Params, replace } from "../data/route";
import { Sparkline } from "../parts/spark";
import { LoadError, Skeleton } from "../parts/states";

const TABLES = [
  ["project", "Projects"],
  ["agent", "Agents"],
  ["name", "Names"],
  ["brand", "Brands"],
] as const;

const ROWS = 10;

interface Shown {
  params: Params;
  window: string;
  at: string | undefined;
}

/** The ranking by project, agent, name or brand. */
export function Breakdown({ params, window, at }: Shown) {
  const by = TABLES.find(([field]) => field === params.by)?.[0] ?? "project";
  const query = { window, at, tz: ZONE };
  const path = `metrics/${by}s`;
  const { data, problem, reload } = useLoad(apiUrl(path, query), (signal) =>
    getJson<Ranking>(path, query, signal),
  );
  useInterval(15_000, () => at === undefined && reload());
  const rows = data?.ranking.slice(0, ROWS) ?? [];
  const more = (data?.ranking.length ?? 0) - rows.length;
  return (
    <section class="panel" aria-labelledby="breakdown">
      <div class="panel-head">
        <h2 id="breakdown">Breakdown</h2>
        <div class="segmented" role="group" aria-label="Break down by">
          {TABLES.map(([field, label]) => (
            <button
              type="button"
              key={field}
              aria-pressed={field === by}
              onClick={() => replace(href("overview", { ...params, by: field === "project" ? null : field }))}
            >
              {label}
            </button>
          ))}
        </div>
      </div>
      {data === null && problem === null && <Skeleton what="the breakdown" rows={4} />}
      {data === null && problem !== null && (
        <LoadError what="the breakdown" problem={problem} retry={reload} />
      )}
      {data !== null && data.unknown !== null && (
        <p class="dim quiet">Since {dateMinute(new Date(data.unknown.until))}</p>
      )}
      {data !== null && data.unknown === null && rows.length === 0 && (
        <p class="dim quiet">No activity with a {by} in this period.</p>
      )}
      {rows.length > 0 && (
        <div class="table-scroll" role="group" tabIndex={0} aria-label={`By ${by}`}>
          <table class="figures">
            <thead>
              <tr>
                <th scope="col">{by.charAt(0).toUpperCase() + by.slice(1)}</th>
                <th scope="col" class="wide-only">
                  <span class="sr-only">Trend</span>
                </th>
                <th scope="col" class="right">
                  Ended
                </th>
                <th scope="col" class="right">
                  Failed
                </th>
                {by === "agent" ? (
                  <>
                    <th scope="col" class="right">
                      Turns/h
                    </th>
                    <th scope="col" class="right">
                      Mean turn time
                    </th>
                  </>
                ) : (
                  <>
                    <th scope="col" class="right">
                      Mean
                    </th>
                    <th scope="col" class="right">
                      p95
                    </th>
                  </>
                )}
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <Row key={row.id} by={by} id={row.id} figures={row} params={params} query={query} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {more > 0 && <p class="dim quiet">{compact(more)} more</p>}
    </section>
  );
}

interface RowOf {
  by: string;
  id: string;
  figures: Figures;
  params: Params;
  query: Record<string, string | undefined>;
}

function Row({ by, id, figures, params, query }: RowOf) {
  const path = `metrics/${by}s/${segment(id)}`;
  const step = query.window === "day" ? "hour" : "day";
  const history = useLoad(apiUrl(path, { ...query, step }), (signal) =>
    getJson<Metrics>(path, { ...query, step }, signal),
  );
  const filter = `${by}:${quoted(id)}`;
  return (
    <tr>
      <th scope="row">
        <a href={href("overview", { ...params, scope: `${by}:${id}` })}>{id}</a>
      </th>
      <td class="wide-only spark-cell">
        {history.data !== null && <Sparkline values={history.data.history.map((one) => one.count)} />}
      </td>
      <td class="right num">
        <a href={href("timeline", { q: filter })} title={`Show ${filter} in the timeline`}>
          {compact(figures.count)}
        </a>
      </td>
      <td class={`right num ${(figures.failed ?? 0) > 0 ? "bad" : "dim"}`}>
        {compact(figures.failed)} <span class="dim">{percent(figures.failed, figures.count)}</span>
      </td>
      <td class="right num">{by === "agent" ? rate(figures.turns_per_hour) : duration(figures.mean_ns)}</td>
      <td class="right num">{duration(by === "agent" ? figures.mean_turn_ns : figures.p95_ns)}</td>
    </tr>
  );
}
