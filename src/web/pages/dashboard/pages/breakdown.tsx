import { address, ask, part } from "../data/api";
import { quoted } from "../data/filter";
import { brief, duration, rate, share, ZONE } from "../data/format";
import { useEvery, useLoad } from "../data/load";
import type { Figures, Metrics, Ranking } from "../data/records";
import { amend, href, type Params } from "../data/route";
import { Spark } from "../parts/spark";
import { Failure, Waiting } from "../parts/state";

const TABLES = [
  ["project", "Projects"],
  ["agent", "Agents"],
  ["name", "Names"],
  ["brand", "Top brands"],
] as const;

const ROWS = 10;

interface Shown {
  params: Params;
  window: string;
  at: string | undefined;
}

/** What there is most of, by project, agent, name or brand. */
export function Breakdown({ params, window, at }: Shown) {
  const by = TABLES.find(([field]) => field === params.by)?.[0] ?? "project";
  const query = { window, at, tz: ZONE };
  const path = `metrics/${by}s`;
  const { data, problem, reload } = useLoad(address(path, query), (signal) =>
    ask<Ranking>(path, query, signal),
  );
  useEvery(15_000, () => at === undefined && reload());
  const rows = data?.ranking.slice(0, ROWS) ?? [];
  const more = (data?.ranking.length ?? 0) - rows.length;
  return (
    <section class="panel" aria-labelledby="breakdown">
      <div class="panel-head">
        <h2 id="breakdown">Where it happened</h2>
        <div class="segmented" role="group" aria-label="Table">
          {TABLES.map(([field, label]) => (
            <button
              type="button"
              key={field}
              aria-pressed={field === by}
              onClick={() => amend(href("overview", { ...params, by: field === "project" ? null : field }))}
            >
              {label}
            </button>
          ))}
        </div>
      </div>
      {data === null && problem === null && <Waiting what="the table" rows={4} />}
      {data === null && problem !== null && <Failure what="the table" problem={problem} retry={reload} />}
      {data !== null && rows.length === 0 && <p class="dim quiet">Nothing that ended then has a {by}.</p>}
      {rows.length > 0 && (
        <div class="table-scroll" role="group" tabIndex={0} aria-label={`By ${by}`}>
          <table class="figures">
            <thead>
              <tr>
                <th scope="col">{by.charAt(0).toUpperCase() + by.slice(1)}</th>
                <th scope="col" class="wide-only">
                  <span class="sr-only">History</span>
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
      {more > 0 && <p class="dim quiet">and {brief(more)} more with fewer activities</p>}
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
  const path = `metrics/${by}s/${part(id)}`;
  const step = query.window === "day" ? "hour" : "day";
  const history = useLoad(address(path, { ...query, step }), (signal) =>
    ask<Metrics>(path, { ...query, step }, signal),
  );
  const filter = `${by}:${quoted(id)}`;
  return (
    <tr>
      <th scope="row">
        <a href={href("overview", { ...params, scope: `${by}:${id}` })}>{id}</a>
      </th>
      <td class="wide-only spark-cell">
        {history.data !== null && <Spark values={history.data.history.map((one) => one.count)} />}
      </td>
      <td class="right num">
        <a href={href("timeline", { q: filter })} title={`Show ${filter} in the timeline`}>
          {brief(figures.count)}
        </a>
      </td>
      <td class={`right num ${figures.failed > 0 ? "bad" : "dim"}`}>
        {brief(figures.failed)} <span class="dim">{share(figures.failed, figures.count)}</span>
      </td>
      <td class="right num">{by === "agent" ? rate(figures.turns_per_hour) : duration(figures.mean_ns)}</td>
      <td class="right num">{duration(by === "agent" ? figures.mean_turn_ns : figures.p95_ns)}</td>
    </tr>
  );
}
