import { useLayoutEffect, useRef } from "preact/hooks";
import { getJson } from "../data/api";
import { dayName } from "../data/dates";
import { useDescendants } from "../data/descendants";
import { type Feed, useFeed } from "../data/feed";
import { terms } from "../data/filter";
import { count } from "../data/format";
import { useLive } from "../data/live";
import { useLoad, useRefresh } from "../data/load";
import { escaped } from "../data/names";
import type { ActivityPage, ActivityRecord, Descendants } from "../data/records";
import { filterOf, type Rows as Listed, ROOTS, rowsOf } from "../data/roots";
import { href, navigate, type Params, replace } from "../data/route";
import { useTitle } from "../data/title";
import { Brand, StatusMark, Tag } from "../parts/badge";
import { FilterBar } from "../parts/filterbar";
import { FirstRun } from "../parts/firstrun";
import { focusFilter, useKeys } from "../parts/keys";
import { ListEnd } from "../parts/listend";
import { LiveBar } from "../parts/livebar";
import { Name, Names } from "../parts/name";
import { NewRows, useHold } from "../parts/newrows";
import { Empty, LoadError, Skeleton } from "../parts/states";
import { Clock, Took, useNow } from "../parts/time";
import { DetailsPanel } from "./details";
import { Facets, Histogram } from "./explore";

const ROWS = [
  ["roots", "Roots", "Top-level activities"],
  ["all", "All", "All activities, including nested ones"],
] as const;
/** Windows that have room for facets. */
const WIDE = "(min-width: 1280px)";
const NONE: readonly ActivityRecord[] = [];

/** The list of activities, newest first: by default those at the top level. */
export function Timeline({ params }: { params: Params }) {
  const { q = "", id } = params;
  const live = params.live !== "off";
  const rows = rowsOf(params.rows, q);
  const listed = filterOf(rows, q);
  const feed = useFeed<ActivityRecord>("activities", listed);
  const descendants = useDescendants(rows === "roots" ? feed.rows : NONE);
  const bad = feed.problem?.code === "bad_filter" || feed.problem?.code === "invalid";
  const connection = useLive(feed, live && !bad);
  const list = useHold(feed, id !== undefined);
  // The stream does not report what no longer matches.
  const leaves = live && q.includes("status:") && feed.rows.some((row) => row.status === "running");
  useRefresh(leaves ? { changing: 3_000 } : null, feed.loading, feed.reload);
  const put = (changes: Record<string, string | null | undefined>) =>
    href("timeline", { ...params, ...changes });
  const facets = params.facets === undefined ? matchMedia(WIDE).matches : params.facets === "on";
  // Another filter keeps the rows, so that numbers are those of the list.
  const narrow = (to: string) => {
    const without = terms(to).filter((term) => term.text !== ROOTS);
    const text = without.map((term) => term.text).join(" ");
    return put({ q: text, rows: rows === rowsOf(undefined, text) ? null : rows, id: null });
  };
  const toggle = () => replace(put({ live: live ? "off" : null }));
  const select = (to: string | null) => replace(put({ id: to }));
  const step = (by: number) => {
    const at = feed.rows.findIndex((row) => row.id === id);
    const next = feed.rows[Math.max(0, at + by)];
    if (next !== undefined) {
      select(next.id);
    }
  };
  useTitle(q, "Timeline");
  useKeys({
    j: () => step(1),
    k: () => step(-1),
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    Enter: () => id !== undefined && navigate(href("activity", { id })),
    Escape: () => select(null),
    "/": focusFilter,
    p: toggle,
  });
  const selected = feed.rows.find((row) => row.id === id);
  return (
    <>
      <header class="page-head">
        <h1>Timeline</h1>
        <div class="spacer" />
        <div class="segmented" role="group" aria-label="Rows">
          {ROWS.map(([one, label, title]) => (
            <button
              type="button"
              key={one}
              title={title}
              aria-pressed={one === rows}
              onClick={() => navigate(put({ rows: one === rowsOf(undefined, q) ? null : one, id: null }))}
            >
              {label}
            </button>
          ))}
        </div>
        <button
          type="button"
          class="button wide-only"
          aria-pressed={facets}
          onClick={() => replace(put({ facets: facets ? "off" : "on" }))}
        >
          Facets
        </button>
        <LiveBar q={listed} what="activities" connection={connection} onToggle={toggle} />
      </header>
      <FilterBar
        page="timeline"
        q={q}
        without={["type"]}
        problem={bad ? feed.problem : null}
        placeholder="Filter: status:failed name:login* since:24h …"
        onChange={(to) => navigate(put({ q: to, rows: null, id: null }))}
      />
      {!bad && <Histogram q={listed} list={narrow} />}
      <div class={`split ${id === undefined ? "" : "split-open"} ${facets && !bad ? "split-facets" : ""}`}>
        {facets && !bad && <Facets q={listed} list={narrow} />}
        <div class="split-list" ref={list}>
          <NewRows feed={feed} />
          {feed.rows.length === 0 ? (
            <NoRows feed={feed} q={q} rows={rows} bad={bad} all={put({ rows: "all" })} />
          ) : (
            <>
              <Rows rows={feed.rows} descendants={descendants} selected={id} onSelect={select} />
              <ListEnd feed={feed} what="activities">
                {rows === "roots" && q !== "" && (
                  <>
                    {" "}
                    · <a href={put({ rows: "all" })}>Include nested activities</a>
                  </>
                )}
              </ListEnd>
            </>
          )}
        </div>
        {id !== undefined && <DetailsPanel id={id} known={selected} q={q} onClose={() => select(null)} />}
      </div>
    </>
  );
}

/** An empty store, or one whose visible activities all have a parent. */
function NoRoots({ rows, all }: { rows: Listed; all: string }) {
  const any = useLoad(`any ${rows}`, async (signal) => {
    const page = await getJson<ActivityPage>("activities", { limit: 1 }, signal);
    return page.activities.length > 0;
  });
  return rows === "roots" && any.data === true ? (
    <Empty title="No top-level activities">
      <a href={all}>Include nested activities</a>
    </Empty>
  ) : (
    <FirstRun />
  );
}

interface NoRowsProps {
  feed: Feed<ActivityRecord>;
  q: string;
  rows: Listed;
  bad: boolean;
  /** The address of the list of all activities. */
  all: string;
}

function NoRows({ feed, q, rows, bad, all }: NoRowsProps) {
  if (feed.problem !== null) {
    return bad ? (
      <Empty title="Invalid filter">
        <p>Correct it above or clear it.</p>
      </Empty>
    ) : (
      <LoadError what="the timeline" problem={feed.problem} retry={feed.reload} />
    );
  }
  if (feed.loading) {
    return <Skeleton what="the timeline" rows={12} />;
  }
  return q === "" ? (
    <NoRoots rows={rows} all={all} />
  ) : (
    <Empty title={`No ${rows === "roots" ? "top-level " : ""}activities match this filter`}>
      <p>
        Remove a term or widen the time range. <a href={href("timeline")}>Clear filter</a>
        {rows === "roots" && (
          <>
            {" "}
            · <a href={all}>Include nested activities</a>
          </>
        )}
      </p>
    </Empty>
  );
}

function Rows({
  rows,
  descendants,
  selected,
  onSelect,
}: {
  rows: readonly ActivityRecord[];
  descendants: ReadonlyMap<string, Descendants>;
  selected: string | undefined;
  onSelect: (id: string) => void;
}) {
  const now = new Date(useNow(false));
  let day = "";
  return (
    <ol class="rows" aria-label="Activities, newest first">
      {rows.flatMap((row) => {
        const of = dayName(row.started_at, now);
        const head =
          of === day
            ? []
            : [
                <li key={of} class="day">
                  {of}
                </li>,
              ];
        day = of;
        return [
          ...head,
          <RowOf
            key={row.id}
            row={row}
            inside={descendants.get(row.id)}
            selected={row.id === selected}
            onSelect={onSelect}
          />,
        ];
      })}
    </ol>
  );
}

function RowOf({
  row,
  inside,
  selected,
  onSelect,
}: {
  row: ActivityRecord;
  inside: Descendants | undefined;
  selected: boolean;
  onSelect: (id: string) => void;
}) {
  const line = useRef<HTMLLIElement>(null);
  useLayoutEffect(() => {
    if (selected) {
      line.current?.scrollIntoView({ block: "nearest" });
    }
  }, [selected]);
  const clicked = (event: MouseEvent) => {
    if (!(event.metaKey || event.ctrlKey || event.shiftKey)) {
      event.preventDefault();
      onSelect(row.id);
    }
  };
  return (
    <li
      ref={line}
      class={`row row-${row.status}`}
      data-row={row.id}
      aria-current={selected ? "true" : undefined}
    >
      <a class="row-link" href={href("activity", { id: row.id })} onClick={clicked}>
        <StatusMark status={row.status} />
        <span class="row-name">
          <Name text={row.name} />
        </span>
        {row.brand !== null && <Brand name={row.brand} />}
        <Tag>{row.kind}</Tag>
        {inside !== undefined && <Inside of={inside} />}
        {row.has_recording && <span class="row-replay">▶ Replay</span>}
        <span class="row-message">{escaped(row.message ?? row.error_type ?? "")}</span>
        <span class="row-scope">
          <Names texts={[row.project, row.agent]} />
        </span>
        <span class="row-took">
          <Took activity={row} />
        </span>
        <span class="row-time">
          <Clock at={row.started_at} />
        </span>
      </a>
    </li>
  );
}

/** What ran inside a row: its number, and how many failed. */
function Inside({ of }: { of: Descendants }) {
  const all = `${count(of.count)}${of.more ? "+" : ""}`;
  const failed = `${count(of.failed)}${of.failed === of.count && of.more ? "+" : ""}`;
  const title = `${all} inside, the worst ${of.worst}`;
  return (
    <span class={`inside inside-${of.worst}`} title={title}>
      {all} inside{of.failed > 0 && <b class="bad">, {failed} failed</b>}
      {of.failed === 0 && of.worst !== "success" && `, ${of.worst}`}
    </span>
  );
}
