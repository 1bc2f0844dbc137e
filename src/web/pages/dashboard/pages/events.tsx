import { ask } from "../data/api";
import { useFeed } from "../data/feed";
import { terms, withField } from "../data/filter";
import { count, ZONE } from "../data/format";
import { useLive } from "../data/live";
import { useEvery, useLoad } from "../data/load";
import type { Fact, Types } from "../data/records";
import { amend, go, href, type Params } from "../data/route";
import { FilterBar } from "../parts/filterbar";
import { focusFilter, useKeys } from "../parts/keys";
import { LiveBar } from "../parts/livebar";
import { More } from "../parts/more";
import { Empty, Failure, Waiting } from "../parts/state";
import { FactList } from "./factlist";
import { known } from "./scope";

/** What happened to projects, newest first. */
export function EventsPage({ params }: { params: Params }) {
  const { q = "" } = params;
  const live = params.live !== "off";
  const feed = useFeed<Fact>("events", q);
  const values = useLoad("known", known).data ?? {};
  const today = useLoad("types", (signal) =>
    ask<Types>("metrics/types", { window: "day", tz: ZONE }, signal),
  );
  useEvery(10_000, today.reload);
  const hearing = useLive(q, live && feed.problem === null, {
    event: feed.take,
    begun: feed.reload,
    gap: feed.reload,
  });
  const put = (changes: Record<string, string | null>) => href("events", { ...params, ...changes });
  const toggle = () => {
    if (!live) {
      feed.reload();
    }
    amend(put({ live: live ? "off" : null }));
  };
  useKeys({ "/": focusFilter, p: toggle });
  const bad = feed.problem?.code === "bad_filter" || feed.problem?.code === "invalid";
  const types = today.data?.types ?? [];
  const logs = terms(q).some((term) => term.text === "-type:log");
  const withoutLogs = logs
    ? terms(q)
        .filter((term) => term.text !== "-type:log")
        .map((term) => term.text)
        .join(" ")
    : `${q} -type:log`.trim();
  return (
    <>
      <header class="page-head">
        <h1>Events</h1>
        <button type="button" class="button" aria-pressed={logs} onClick={() => go(put({ q: withoutLogs }))}>
          Without log lines
        </button>
        <div class="spacer" />
        <LiveBar q={q} what="events" hearing={hearing} onToggle={toggle} />
      </header>
      <FilterBar
        q={q}
        known={{ ...values, type: types.map((one) => one.type) }}
        problem={bad ? feed.problem : null}
        placeholder="Filter: type:deployment project:acme since:7d …"
        onChange={(to) => go(put({ q: to }))}
      />
      {types.length > 0 && (
        <section class="types" aria-label="Today, by type">
          <span class="dim">Today</span>
          {types.map((one) => (
            <button
              type="button"
              key={one.type}
              class="type"
              title={`${count(one.events)} events, ${count(one.failed)} failed`}
              onClick={() => go(put({ q: withField(q, "type", one.type) }))}
            >
              <b class="num">{count(one.count)}</b> {one.type}
              {one.failed > 0 && <span class="bad num"> {count(one.failed)} failed</span>}
            </button>
          ))}
        </section>
      )}
      <div class="split-list">
        {feed.rows.length > 0 ? (
          <>
            <FactList facts={feed.rows} days />
            <More feed={feed} what="events" />
          </>
        ) : feed.problem !== null && !bad ? (
          <Failure what="the events" problem={feed.problem} retry={feed.reload} />
        ) : feed.loading && !bad ? (
          <Waiting what="the events" rows={12} />
        ) : bad ? (
          <Empty title="The filter cannot be read">
            <p>Correct it above, or clear it.</p>
          </Empty>
        ) : q !== "" ? (
          <Empty title="No event matches this filter">
            <a href={href("events")}>Clear the filter</a>
          </Empty>
        ) : (
          <Empty title="No events yet">
            <p>
              Tell what happened with <code>log.event("deployment").summary("v3 is live").record()</code>, or
              from a terminal with <code>activity event deployment "v3 is live"</code>.
            </p>
          </Empty>
        )}
      </div>
    </>
  );
}
