import { useEffect, useRef } from "preact/hooks";
import { useFeed } from "../data/feed";
import { dayName } from "../data/format";
import { useLive } from "../data/live";
import { useLoad } from "../data/load";
import type { Activity } from "../data/records";
import { amend, go, href, type Params } from "../data/route";
import { Brand, StatusMark, Tag } from "../parts/badge";
import { FilterBar } from "../parts/filterbar";
import { focusFilter, useKeys } from "../parts/keys";
import { LiveBar } from "../parts/livebar";
import { More } from "../parts/more";
import { Empty, Failure, Waiting } from "../parts/state";
import { Clock, Took, useNow } from "../parts/time";
import { Aside } from "./aside";
import { known } from "./scope";

/** What happens and what happened, newest first. */
export function Timeline({ params }: { params: Params }) {
  const { q = "", id } = params;
  const live = params.live !== "off";
  const feed = useFeed<Activity>("activities", q);
  const values = useLoad("known", known).data ?? {};
  const hearing = useLive(q, live && feed.problem === null, {
    activity: feed.take,
    begun: feed.reload,
    gap: feed.reload,
  });
  const put = (changes: Record<string, string | null | undefined>) =>
    href("timeline", { ...params, ...changes });
  const toggle = () => {
    if (!live) {
      feed.reload();
    }
    amend(put({ live: live ? "off" : null }));
  };
  const select = (to: string | null) => amend(put({ id: to }));
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
    Enter: () => id !== undefined && go(href("activity", { id })),
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
        <LiveBar q={q} what="activities" hearing={hearing} onToggle={toggle} />
      </header>
      <FilterBar
        q={q}
        known={values}
        problem={bad ? feed.problem : null}
        placeholder="Filter: status:failed name:login* since:24h …"
        onChange={(to) => go(put({ q: to, id: null }))}
      />
      <div class={`split ${id === undefined ? "" : "split-open"}`}>
        <div class="split-list">
          {feed.rows.length === 0 ? (
            <NoRows feed={feed} q={q} bad={bad} />
          ) : (
            <>
              <Rows rows={feed.rows} selected={id} onSelect={select} />
              <More feed={feed} what="activities" />
            </>
          )}
        </div>
        {id !== undefined && (
          <Aside
            id={id}
            known={selected}
            onFilter={(to) => go(put({ q: to, id: null }))}
            q={q}
            onClose={() => select(null)}
          />
        )}
      </div>
    </>
  );
}

function NoRows({ feed, q, bad }: { feed: ReturnType<typeof useFeed<Activity>>; q: string; bad: boolean }) {
  if (feed.problem !== null) {
    return bad ? (
      <Empty title="The filter cannot be read">
        <p>Correct it above, or clear it.</p>
      </Empty>
    ) : (
      <Failure what="the timeline" problem={feed.problem} retry={feed.reload} />
    );
  }
  if (feed.loading) {
    return <Waiting what="the timeline" rows={12} />;
  }
  return q === "" ? (
    <Empty title="Nothing is on record yet">
      <p>
        Put <code>ActivityLayer::new(&log)</code> around a service, or start work with{" "}
        <code>log.start(Describe::job("import"))</code>. Calls appear here as they are made.
      </p>
    </Empty>
  ) : (
    <Empty title="Nothing matches this filter">
      <p>
        Take a term out, or widen the time. <a href={href("timeline")}>Clear the filter</a>
      </p>
    </Empty>
  );
}

function Rows({
  rows,
  selected,
  onSelect,
}: {
  rows: Activity[];
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
  row: Activity;
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
        <span class="row-name">{row.name}</span>
        {row.brand !== null && <Brand name={row.brand} />}
        <Tag>{row.kind}</Tag>
        {row.has_recording && <span class="row-replay">▶ replay</span>}
        <span class="row-message">{row.message ?? row.error_type ?? ""}</span>
        <span class="row-scope">{[row.project, row.agent].filter((text) => text !== null).join(" · ")}</span>
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
