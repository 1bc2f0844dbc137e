import { dayName } from "../data/dates";
import { useFeed } from "../data/feed";
import { bytes, count, duration, plural } from "../data/format";
import { useRefresh } from "../data/load";
import { escaped, printable } from "../data/names";
import type { RecordingRow } from "../data/records";
import { href, navigate, type Params } from "../data/route";
import { useTitle } from "../data/title";
import { StatusMark, Tag } from "../parts/badge";
import { FilterBar } from "../parts/filterbar";
import { focusFilter, useKeys } from "../parts/keys";
import { ListEnd } from "../parts/listend";
import { Name, Names } from "../parts/name";
import { NewRows, useHold } from "../parts/newrows";
import { Empty, LoadError, Skeleton } from "../parts/states";
import { Clock, useNow } from "../parts/time";

const FORMATS: Readonly<Record<string, string>> = { rrweb: "browser", asciicast: "terminal" };

/** The list of recordings, newest first. The filter is that of their calls. */
export function RecordingList({ params }: { params: Params }) {
  const { q = "" } = params;
  const feed = useFeed<RecordingRow>("recordings", q);
  const list = useHold(feed, false);
  useRefresh({ changing: 5_000 }, feed.loading, feed.reload);
  const bad = feed.problem?.code === "bad_filter" || feed.problem?.code === "invalid";
  useTitle(q, "Replay");
  useKeys({ "/": focusFilter });
  return (
    <>
      <header class="page-head">
        <h1>Replay</h1>
      </header>
      <FilterBar
        page="replay"
        q={q}
        without={["type"]}
        problem={bad ? feed.problem : null}
        placeholder="Filter by call: status:failed name:login* since:24h …"
        onChange={(to) => navigate(href("replay", { q: to }))}
      />
      <div ref={list}>
        {bad ? (
          <Empty title="Invalid filter">
            <p>Correct it above or clear it.</p>
          </Empty>
        ) : feed.rows.length > 0 || (feed.problem === null && !feed.ended && !feed.loading) ? (
          <div class="split-list">
            <NewRows feed={feed} />
            <Rows recordings={feed.rows} />
            <ListEnd feed={feed} what="recordings" />
          </div>
        ) : feed.problem !== null ? (
          <LoadError what="the recordings" problem={feed.problem} retry={feed.reload} />
        ) : feed.loading ? (
          <Skeleton what="the recordings" />
        ) : q !== "" ? (
          <Empty title="No recordings match this filter">
            <a href={href("replay")}>Clear filter</a>
          </Empty>
        ) : (
          <Empty title="No recordings yet">
            <p>
              Attach a browser to the activity that drives it:{" "}
              <code>Activity::current().attach(Browser::at(devtools_url)).await</code>. Its pages can then be
              replayed here.
            </p>
          </Empty>
        )}
      </div>
    </>
  );
}

function Rows({ recordings }: { recordings: readonly RecordingRow[] }) {
  const now = new Date(useNow(false));
  const days = recordings.map((one) => dayName(one.started_at, now));
  return (
    <ol class="rows" aria-label="Recordings, newest first">
      {recordings.flatMap((one, n) => {
        const day = days[n];
        const head =
          day === days[n - 1]
            ? []
            : [
                <li key={day} class="day">
                  {day}
                </li>,
              ];
        return [...head, <Row key={one.id} recording={one} />];
      })}
    </ol>
  );
}

function Row({ recording }: { recording: RecordingRow }) {
  const { calls, failure, call_count, failed_count } = recording;
  const named = failure === null || calls.some((one) => one.id === failure.id) ? calls : [...calls, failure];
  const more = call_count - named.length;
  const scope = [...new Set(named.flatMap((call) => [call.project, call.agent]))].filter(
    (text) => text !== null,
  );
  const live = recording.status === "recording";
  const failed =
    failed_count === 0 ? "" : failed_count === call_count ? " failed" : `, ${count(failed_count)} failed`;
  return (
    <li class={`row ${failure === null ? "" : "row-failed"}`} data-row={recording.id}>
      <a class="row-link" href={href("replay", { id: recording.id })}>
        <StatusMark status={live ? "running" : failure === null ? "success" : "failed"} />
        <span class="row-name row-calls">
          {named.map((call, n) => (
            <>
              {n > 0 && ", "}
              <Name text={call.name} />
            </>
          ))}
          {more > 0 && <span class="dim"> +{more}</span>}
          {named.length === 0 && <span class="unnamed">call no longer stored</span>}
        </span>
        <Tag>{FORMATS[recording.format] ?? printable(recording.format)}</Tag>
        {recording.status !== "complete" && (
          <span class="tag">{live ? "live" : recording.status.replaceAll("_", " ")}</span>
        )}
        <span class="row-message">{escaped(failure?.message ?? failure?.error_type ?? "")}</span>
        <span class="row-scope">
          <Names texts={scope} />
        </span>
        <span class="row-size dim num wide-only">
          {plural(call_count, "call")}
          <span class={failed_count > 0 ? "bad" : ""}>{failed}</span> · {bytes(recording.bytes)}
        </span>
        <span class="row-took num">
          {recording.duration_ns === null ? (
            <span class="dim">{live ? "live" : "unknown"}</span>
          ) : (
            duration(recording.duration_ns)
          )}
        </span>
        <span class="row-time">
          <Clock at={recording.started_at} />
        </span>
      </a>
    </li>
  );
}
