import { apiUrl, getJson, segment } from "../data/api";
import { countedHref, exactly, narrowed } from "../data/counted";
import { dateMinute, unknownPart } from "../data/dates";
import { count, duration, percent, plural, rate } from "../data/format";
import { useLoad } from "../data/load";
import type { Metrics, Period, Ranked, Ranking, Unknown } from "../data/records";
import { href, type Params, replace } from "../data/route";
import type { Shown } from "../data/window";
import { Name } from "../parts/name";
import { Sparkline } from "../parts/spark";
import { LoadError, Skeleton } from "../parts/states";

/** A tab: its name in the URL, its label, and the fields of its rows, each with its path in the API. */
interface Tab {
  by: string;
  label: string;
  /** What a row is. */
  one: string;
  fields: readonly (readonly [field: string, path: string])[];
  /** True if the sums of each value are precomputed, so that its history is quick to read. */
  hasSums?: true;
}

const TABS: readonly [Tab, ...Tab[]] = [
  { by: "project", label: "Projects", one: "project", fields: [["project", "projects"]], hasSums: true },
  { by: "agent", label: "Agents", one: "agent", fields: [["agent", "agents"]], hasSums: true },
  { by: "name", label: "Names", one: "name", fields: [["name", "names"]], hasSums: true },
  { by: "brand", label: "Brands", one: "brand", fields: [["brand", "brands"]], hasSums: true },
  { by: "actor", label: "Actors", one: "actor", fields: [["actor", "actors"]] },
  { by: "error", label: "Errors", one: "error type", fields: [["error", "errors"]] },
  {
    by: "environment",
    label: "Environments",
    one: "environment",
    fields: [["environment", "environments"]],
  },
  {
    by: "client",
    label: "Clients",
    one: "client",
    fields: ["mcp.client.name", "user_agent.original"].map((key) => [
      `attr.${key}`,
      `attributes/${segment(key)}`,
    ]),
  },
];

/** Rows to show at first. */
const ROWS = 20;

/** A row: a value, and the term of the filter that selects its activities. */
interface RowOf {
  term: string;
  ranked: Ranked;
  counted: Period;
}

interface Loaded {
  rows: RowOf[];
  unknown: Unknown | null;
}

/** The ranking by project, agent, error and so on, of a scope. */
export function Breakdown({ params, time }: { params: Params; time: Shown }) {
  const tab = TABS.find(({ by }) => by === params.by) ?? TABS[0];
  const query = { ...time.query, q: params.scope };
  const load = async (signal: AbortSignal) => {
    const rankings = tab.fields.map(async ([field, path]) => {
      const answer = await getJson<Ranking>(`metrics/${path}`, query, signal);
      const rows = answer.ranking.map((ranked) => ({
        term: exactly(field, ranked.id),
        ranked,
        counted: answer.counted,
      }));
      return { rows, unknown: answer.unknown };
    });
    return merged(await Promise.all(rankings));
  };
  const refresh = time.present ? { changing: 30_000 } : null;
  const { data, problem, reload } = useLoad(apiUrl(`breakdown/${tab.by}`, query), load, refresh);
  const all = data?.rows ?? [];
  const rows = params.all === "1" ? all : all.slice(0, ROWS);
  const byAgent = tab.by === "agent";
  const trends = tab.hasSums === true && params.scope === undefined;
  return (
    <section class="panel" aria-labelledby="breakdown">
      <div class="panel-head">
        <h2 id="breakdown">Breakdown</h2>
        <div class="segmented segmented-wrap" role="group" aria-label="Break down by">
          {TABS.map(({ by, label }) => (
            <button
              type="button"
              key={by}
              aria-pressed={by === tab.by}
              onClick={() =>
                replace(href("overview", { ...params, by: by === TABS[0].by ? null : by, all: null }))
              }
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
        <p class="dim quiet" title={unknownPart(data.unknown)}>
          Since {dateMinute(new Date(data.unknown.until))} · {unknownPart(data.unknown)}
        </p>
      )}
      {data !== null && data.unknown === null && rows.length === 0 && (
        <p class="dim quiet">No activity with {withArticle(tab.one)} in this period.</p>
      )}
      {rows.length > 0 && (
        <div class="table-scroll" role="group" tabIndex={0} aria-label={`By ${tab.one}`}>
          <table class="figures">
            <thead>
              <tr>
                <th scope="col">{tab.one.charAt(0).toUpperCase() + tab.one.slice(1)}</th>
                {trends && (
                  <th scope="col" class="wide-only">
                    <span class="sr-only">Trend</span>
                  </th>
                )}
                {[
                  "Activities",
                  "Errors",
                  ...(byAgent ? ["Turns/h", "Time between turns"] : ["Mean", "p95"]),
                ].map((label, n) => (
                  <th scope="col" class={`right ${n === 2 ? "wide-only" : ""}`} key={label}>
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row, n) => (
                <Row key={row.term} row={row} params={params} byAgent={byAgent}>
                  {trends && (
                    <td class="wide-only spark-cell">{n < ROWS && <Trend term={row.term} time={time} />}</td>
                  )}
                </Row>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {all.length > ROWS && (
        <p class="quiet">
          <button
            type="button"
            class="button"
            onClick={() => replace(href("overview", { ...params, all: params.all === "1" ? null : "1" }))}
          >
            {params.all === "1" ? `Show the first ${ROWS}` : `Show all ${count(all.length)}`}
          </button>
        </p>
      )}
    </section>
  );
}

function merged(rankings: Loaded[]): Loaded {
  const rows = rankings.flatMap((one) => one.rows);
  rows.sort((a, b) => (b.ranked.count ?? 0) - (a.ranked.count ?? 0));
  const unknown = rankings.map((one) => one.unknown).filter((one) => one !== null);
  const latest = unknown.sort((a, b) => Date.parse(b.until) - Date.parse(a.until))[0];
  return { rows, unknown: latest ?? null };
}

const withArticle = (noun: string) => `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;

interface RowProps {
  row: RowOf;
  params: Params;
  byAgent: boolean;
  children: preact.ComponentChildren;
}

function Row({ row: { term, ranked, counted }, params, byAgent, children }: RowProps) {
  const { id, count: all, failed } = ranked;
  const scope = narrowed(params.scope, term);
  const records = plural(all, "activity", "activities");
  return (
    <tr>
      <th scope="row">
        <a
          class="narrow"
          href={href("overview", { ...params, scope })}
          title={`Show only ${term} on this page`}
        >
          <svg viewBox="0 0 12 12" width="11" height="11" class="narrow-icon" aria-hidden="true">
            <path d="M1 1.5h10L7.2 6v4.5L4.8 9V6Z" />
          </svg>
          <Name text={id} />
        </a>
      </th>
      {children}
      <td class="right num">
        <a href={countedHref(params.scope, counted, term)} title={`List ${records}`}>
          {count(all)}
        </a>
      </td>
      <td class={`right num ${(failed ?? 0) > 0 ? "bad" : "dim"}`}>
        <a
          href={countedHref(params.scope, counted, term, "status:failed")}
          title={`List ${count(failed)} failed`}
        >
          {count(failed)}
        </a>{" "}
        {failed !== 0 && <span class="dim wide-only">{percent(failed, all)}</span>}
      </td>
      <td class="right num wide-only">{byAgent ? rate(ranked.turns_per_hour) : duration(ranked.mean_ns)}</td>
      <td class="right num">{duration(byAgent ? ranked.mean_turn_ns : ranked.p95_ns)}</td>
    </tr>
  );
}

/** The history of one value. */
function Trend({ term, time }: { term: string; time: Shown }) {
  const step = time.window === "week" ? "day" : time.step;
  const query = { ...time.query, step, q: term };
  const { data } = useLoad(apiUrl("metrics/overall", query), (signal) =>
    getJson<Metrics>("metrics/overall", query, signal),
  );
  return data === null ? null : <Sparkline values={data.history.map((one) => one.count)} />;
}
