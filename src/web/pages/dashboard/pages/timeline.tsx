import { useEffect, useRef } from "preact/hooks";
import { useFeed } from "../data/feed";
import { dayName } from "../data/format";
import { useLive } from "../data/live";
import { useLoad } from "../data/load";
import { escaped } from "../data/names";
import type { ActivityRecord } from "../data/records";
import { href, navigate, type Params, replace } from "../data/route";
import { Brand, StatusMark, Tag } from "../parts/badge";
import { FilterBar } from "../parts/filterbar";
import { focusFilter, useKeys } from "../parts/keys";
import { ListEnd } from "../parts/listend";
import { LiveBar } from "../parts/livebar";
import { Name, Names } from "../parts/name";
import { Empty, LoadError, Skeleton } from "../parts/states";
import { Clock, Took, useNow } from "../parts/time";
import { DetailsPanel } from "./details";
import { known } from "./scope";

/** The list of activities, newest first. */
export function Timeline({ params }: { params: Params }) {
  const { q = "", id } = params;
  const live = params.live !== "off";
  const feed = useFeed<ActivityRecord>("activities", q);
  const values = useLoad("known", known).data ?? {};
  const connection = useLive(q, live && feed.problem === null, {
    activity: feed.insert,
    onOpen: feed.reload,
    gap: feed.reload,
  });
  const put = (changes: Record<string, string | null | undefined>) =>
    href("timeline", { ...params, ...changes });
  const toggle = () => {
    if (!live) {
      feed.reload();
    }
    replace(put({ live: live ? "off" : null }));
  };
  const select = (to: string | null) => replace(put({ id: to }));
  const step = (by: number) => {
    const at = feed.rows.findIndex((row) => row.id === id);
    const next = feed.rows[Math.max(0, at + by)];
    if (next !== undefined) {
      select(next.id);
    }
  };
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
  const bad = feed.problem?.code === "bad_filter" || feed.problem?.code === "invalid";
  return (
    <>
      <header class="page-head">
        <h1>Timeline</h1>
        <div class="spacer" />
        <LiveBar q={q} what="activities" connection={connection} onToggle={toggle} />
      </header>
      <FilterBar
        q={q}
        known={values}
        without={["type"]}
        problem={bad ? feed.problem : null}
        placeholder="Filter: status:failed name:login* since:24h …"
        onChange={(to) => navigate(put({ q: to, id: null }))}
      />
      <div class={`split ${id === undefined ? "" : "split-open"}`}>
        <div class="split-list">
          {feed.rows.length === 0 ? (
            <NoRows feed={feed} q={q} bad={bad} />
          ) : (
            <>
              <Rows rows={feed.rows} selected={id} onSelect={select} />
              <ListEnd feed={feed} what="activities" />
            </>
          )}
        </div>
        {id !== undefined && <DetailsPanel id={id} known={selected} q={q} onClose={() => select(null)} />}
      </div>
    </>
  );
}

function NoRows({
  feed,
  q,
  bad,
}: {
  feed: ReturnType<typeof useFeed<ActivityRecord>>;
  q: string;
  bad: boolean;
}) {
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
    <Empty title="No activities yet">
      <p>
        Wrap a service in <code>ActivityLayer::new(&log)</code>, or start a job with{" "}
        <code>log.start(Describe::job("import"))</code>. Activities appear here as they start.
      </p>
    </Empty>
  ) : (
    <Empty title="No activities match this filter">
      <p>
        Remove a term or widen the time range. <a href={href("timeline")}>Clear filter</a>
      </p>
    </Empty>
  );
}

function Rows({
  rows,
  selected,
  onSelect,
}: {
  rows: ActivityRecord[];
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
        return [...head, <RowOf key={row.id} row={row} selected={row.id === selected} onSelect={onSelect} />];
      })}
    </ol>
  );
}

function RowOf({
  row,
  selected,
  onSelect,
}: {
  row: ActivityRecord;
  selected: boolean;
  onSelect: (id: string) => void;
}) {
  const line = useRef<HTMLLIElement>(null);
  useEffect(() => {
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
    <li ref={line} class={`row row-${row.status}`} aria-current={selected ? "true" : undefined}>
      <a class="row-link" href={href("activity", { id: row.id })} onClick={clicked}>
        <StatusMark status={row.status} />
        <span class="row-name">
          <Name text={row.name} />
        </span>
        {row.brand !== null && <Brand name={row.brand} />}
        <Tag>{row.kind}</Tag>
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
