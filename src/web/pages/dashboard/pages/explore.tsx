import { useMemo } from "preact/hooks";
import { apiUrl, getJson } from "../data/api";
import { exactly, narrowed, within } from "../data/counted";
import { dayMonth, hourMinute, isMidnight, period, unknownPart, ZONE } from "../data/dates";
import { terms } from "../data/filter";
import { compact, count } from "../data/format";
import { useLoad } from "../data/load";
import { printable } from "../data/names";
import type { Metrics, Period, Ranking } from "../data/records";
import { navigate } from "../data/route";
import { type Selected, selected } from "../data/span";
import { zoomed } from "../data/window";
import { Chart, type Series } from "../parts/chart";
import { Name } from "../parts/name";
import { LoadError } from "../parts/states";

interface Shown {
  /** The filter of the rows. */
  q: string;
  /** The address of the list with another filter. */
  list: (q: string) => string;
}

const REFRESH = { changing: 20_000 };

const queryOf = ({ span, q }: Selected) => ({ since: span.start, until: span.end, tz: ZONE, q });

/** How many activities match a filter over time. A bar opens its activities, and a range is zoomed into. */
export function Histogram({ q, list }: Shown) {
  const of = selected(q, Date.now());
  const query = of === null ? null : { ...queryOf(of), step: of.step };
  const { data, problem, reload } = useLoad(
    `histogram ${query === null ? "" : apiUrl("metrics/overall", query)}`,
    (signal) => (query === null ? Promise.resolve(null) : getJson<Metrics>("metrics/overall", query, signal)),
    of?.present ? REFRESH : null,
  );
  const series = useMemo<Series[]>(() => {
    const values = (key: "count" | "failed") => (data?.history ?? []).map((one) => one[key]);
    const text = (value: number | null) => (value === null ? "–" : compact(value));
    return [
      { label: "Activities", colour: "--chart-all", as: "bars", scale: "n", values: values("count"), text },
      { label: "Errors", colour: "--chart-failed", as: "bars", scale: "n", values: values("failed"), text },
    ];
  }, [data]);
  if (of === null) {
    return null;
  }
  // The place is kept while it is loading, so that the rows do not move.
  if (data === null) {
    return problem === null ? (
      <div class="timechart" />
    ) : (
      <LoadError what="the chart" problem={problem} retry={reload} />
    );
  }
  const between = ({ start, end }: Period) => list(narrowed(of.q, `since:${start}`, `until:${end}`));
  const records = (range: Period) => between(within(range, data.counted));
  return (
    <section class="timechart" aria-label="Activities over time">
      <Chart
        compact
        periods={data.history}
        window={data.window}
        series={series}
        unknown={data.history.filter((one) => one.count === null)}
        period={(one) => period(one.start, one.end)}
        axis={(at) => (of.step === "day" || isMidnight(at) ? dayMonth(at) : hourMinute(at))}
        records={records}
        onZoom={(range) => navigate(zoomed(range) === null ? records(range) : between(range))}
        label="Activities over time: all, and errors"
      />
    </section>
  );
}

/** The fields that are counted, each with its path in the API. */
const FIELDS = [
  ["name", "names", "Names"],
  ["project", "projects", "Projects"],
  ["error", "errors", "Errors"],
  ["actor", "actors", "Actors"],
  ["agent", "agents", "Agents"],
] as const;
/** Values to show of a field. */
const VALUES = 6;

interface Counted {
  statuses: readonly (readonly [status: string, count: number | null])[];
  fields: readonly { field: string; label: string; ranking: Ranking }[];
}

/** The most frequent values of the activities that match a filter, with their numbers. A value narrows the filter. */
export function Facets({ q, list }: Shown) {
  const of = selected(q, Date.now());
  const query = of === null ? null : queryOf(of);
  const { data, problem, reload } = useLoad(
    `facets ${query === null ? "" : apiUrl("facets", query)}`,
    (signal) => (query === null ? Promise.resolve(null) : counted(query, signal)),
    of?.present ? REFRESH : null,
  );
  const unknown = data?.fields.map((one) => one.ranking.unknown).find((one) => one !== null);
  return (
    <nav class="facets" aria-label="Facets">
      <p class="dim">
        {of === null
          ? "No counts for this time range."
          : of.isDefault
            ? "Started in the last 24 hours"
            : "Started in this time range"}
      </p>
      {data === null && problem !== null && <LoadError what="the counts" problem={problem} retry={reload} />}
      {data !== null && (
        <Facet
          label="Status"
          values={data.statuses.map(([status, n]) => ({ text: status, term: `status:${status}`, n }))}
          q={q}
          list={list}
        />
      )}
      {data?.fields.map(({ field, label, ranking }) => (
        <Facet
          key={field}
          label={label}
          values={ranking.ranking
            .slice(0, VALUES)
            .map((one) => ({ text: one.id, term: exactly(field, one.id), n: one.count }))}
          more={ranking.ranking.length - VALUES}
          q={q}
          list={list}
        />
      ))}
      {unknown && <p class="dim">{unknownPart(unknown)}</p>}
    </nav>
  );
}

async function counted(query: ReturnType<typeof queryOf>, signal: AbortSignal): Promise<Counted> {
  const metrics = getJson<Metrics>("metrics/overall", { ...query, step: "day" }, signal);
  const rankings = FIELDS.map(async ([field, path, label]) => ({
    field,
    label,
    ranking: await getJson<Ranking>(`metrics/${path}`, query, signal),
  }));
  // Together, as all may fail.
  const [overall, ...fields] = await Promise.all([metrics, ...rankings]);
  const { failed, cancelled } = overall.current;
  const statuses = [["failed", failed] as const, ["cancelled", cancelled] as const];
  return { statuses: statuses.filter(([, n]) => n !== 0), fields };
}

interface FacetOf extends Shown {
  label: string;
  values: readonly { text: string; term: string; n: number | null }[];
  more?: number;
}

function Facet({ label, values, more = 0, q, list }: FacetOf) {
  if (values.length === 0) {
    return null;
  }
  const all = terms(q).map((term) => term.text);
  return (
    <section class="facet">
      <h3>{label}</h3>
      <ul>
        {values.map(({ text, term, n }) => {
          const isChosen = all.includes(term);
          const to = isChosen ? all.filter((one) => one !== term).join(" ") : narrowed(q, term);
          return (
            <li key={term}>
              <a
                href={list(to)}
                aria-current={isChosen ? "true" : undefined}
                title={isChosen ? `Remove ${printable(term)}` : printable(text)}
              >
                <span class="facet-text">
                  <Name text={text} />
                </span>
                <span class="num dim">{count(n)}</span>
              </a>
            </li>
          );
        })}
      </ul>
      {more > 0 && <p class="dim facet-more">{count(more)} more</p>}
    </section>
  );
}
