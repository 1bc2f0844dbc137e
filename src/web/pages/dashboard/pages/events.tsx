import { getJson } from "../data/api";
import { hourMinute, ZONE } from "../data/dates";
import { useFeed } from "../data/feed";
import { terms, withField } from "../data/filter";
import { count, plural } from "../data/format";
import { useLive } from "../data/live";
import { useLoad } from "../data/load";
import type { EventRecord, EventTypes } from "../data/records";
import { href, navigate, type Params, replace } from "../data/route";
import { useTitle } from "../data/title";
import { FilterBar } from "../parts/filterbar";
import { focusFilter, useKeys } from "../parts/keys";
import { ListEnd } from "../parts/listend";
import { LiveBar } from "../parts/livebar";
import { Name } from "../parts/name";
import { NewRows, useHold } from "../parts/newrows";
import { Empty, LoadError, Skeleton } from "../parts/states";
import { EventList } from "./eventlist";

/** The term that includes log lines. */
const ALL_TYPES = "type:*";

/** The list of events, newest first, and the types of today. */
export function EventsPage({ params }: { params: Params }) {
  const { q = "" } = params;
  const live = params.live !== "off";
  const feed = useFeed<EventRecord>("events", q);
  const today = useLoad(
    "types",
    (signal) => getJson<EventTypes>("metrics/types", { window: "day", tz: ZONE }, signal),
    { changing: 10_000 },
  );
  const bad = feed.problem?.code === "bad_filter" || feed.problem?.code === "invalid";
  const connection = useLive(feed, live && !bad);
  const list = useHold(feed, false);
  const put = (changes: Record<string, string | null>) => href("events", { ...params, ...changes });
  const toggle = () => replace(put({ live: live ? "off" : null }));
  useTitle(q, "Events");
  useKeys({ "/": focusFilter, p: toggle });
  const types = today.data?.types ?? [];
  const unknown = today.data?.unknown ?? null;
  // Without a type the server leaves log lines out.
  const asked = terms(q).filter((term) => term.field === "type" && !term.negated);
  const all = asked.some((term) => term.text === ALL_TYPES);
  const others = terms(q).filter((term) => term.text !== ALL_TYPES);
  const toggled = [...others.map((term) => term.text), ...(all ? [] : [ALL_TYPES])].join(" ");
  return (
    <>
      <header class="page-head">
        <h1>Events</h1>
        {(all || asked.length === 0) && (
          <button
            type="button"
            class="button"
            aria-pressed={all}
            onClick={() => navigate(put({ q: toggled }))}
          >
            Show log lines
          </button>
        )}
        <div class="spacer" />
        <LiveBar q={q} what="events" connection={connection} onToggle={toggle} />
      </header>
      <FilterBar
        page="events"
        q={q}
        known={{ type: types.map((one) => one.type) }}
        without={["kind", "name", "error", "duration"]}
        problem={bad ? feed.problem : null}
        placeholder="Filter: type:deployment project:acme since:7d …"
        onChange={(to) => navigate(put({ q: to }))}
      />
      {types.length > 0 && (
        <section class="types" aria-label="Event types today">
          <span class="dim">
            {unknown === null ? "Today" : `Since ${hourMinute(new Date(unknown.until))}`}
          </span>
          {types.map((one) => (
            <button
              type="button"
              key={one.type}
              class="type"
              title={[plural(one.events, "event"), ...undone(one)].join(", ")}
              onClick={() => navigate(put({ q: withField(q, "type", one.type) }))}
            >
              {(one.count > 0 || undone(one).length === 0) && <b class="num">{count(one.count)} </b>}
              <Name text={one.type} />
              {undone(one).map((text, at) => (
                <span key={text} class={`num ${at === 0 && one.failed > 0 ? "bad" : "dim"}`}>
                  {" "}
                  {text}
                </span>
              ))}
            </button>
          ))}
        </section>
      )}
      <div class="split-list" ref={list}>
        <NewRows feed={feed} />
        {feed.rows.length > 0 ? (
          <>
            <EventList events={feed.rows} days />
            <ListEnd feed={feed} what="events" />
          </>
        ) : feed.problem !== null && !bad ? (
          <LoadError what="the events" problem={feed.problem} retry={feed.reload} />
        ) : feed.loading && !bad ? (
          <Skeleton what="the events" rows={12} />
        ) : bad ? (
          <Empty title="Invalid filter">
            <p>Correct it above or clear it.</p>
          </Empty>
        ) : q !== "" ? (
          <Empty title="No events match this filter">
            <a href={href("events")}>Clear filter</a>
          </Empty>
        ) : (
          <Empty title="No events yet">
            <p>
              Record one with <code>log.event("deployment").summary("v3 is live").record()</code>, or from a
              terminal with <code>activity event deployment "v3 is live"</code>.
            </p>
          </Empty>
        )}
      </div>
    </>
  );
}

/** Lists the events of a type that did nothing, by status, the failed ones first. */
function undone(one: EventTypes["types"][number]): string[] {
  const events: [number, string][] = [
    [one.failed, "failed"],
    [one.running, "in progress"],
    [one.cancelled, "cancelled"],
    [one.skipped, "skipped"],
    [one.abandoned, "abandoned"],
  ];
  return events.filter(([number]) => number > 0).map(([number, what]) => `${count(number)} ${what}`);
}
