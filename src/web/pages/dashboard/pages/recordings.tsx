import { useFeed } from "../data/feed";
import { dayName, duration } from "../data/format";
import { useLoad } from "../data/load";
import { escaped, printable } from "../data/names";
import { useRecordings } from "../data/recordings";
import type { ActivityRecord, RecordingRecord } from "../data/records";
import { href, navigate, type Params } from "../data/route";
import { StatusMark, Tag } from "../parts/badge";
import { FilterBar } from "../parts/filterbar";
import { focusFilter, useKeys } from "../parts/keys";
import { ListEnd } from "../parts/listend";
import { Name, Names } from "../parts/name";
import { Empty, LoadError, Skeleton } from "../parts/states";
import { Clock, useNow } from "../parts/time";
import { known } from "./scope";

/** Calls to name in a row. */
const MAX_NAMED = 3;
const FORMATS: Readonly<Record<string, string>> = { rrweb: "browser", asciicast: "terminal" };

/** The list of recordings, newest first. The filter is that of their calls. */
export function RecordingList({ params }: { params: Params }) {
  const { q = "" } = params;
  const feed = useFeed<ActivityRecord>("activities", `has:recording ${q}`.trim());
  const recordings = useRecordings(feed.rows);
  const values = useLoad("known", known).data ?? {};
  const bad = feed.problem?.code === "bad_filter" || feed.problem?.code === "invalid";
  useKeys({ "/": focusFilter });
  return (
    <>
      <header class="page-head">
        <h1>Replay</h1>
      </header>
      <FilterBar
        q={q}
        known={values}
        without={["type"]}
        problem={bad ? feed.problem : null}
        placeholder="Filter by call: status:failed name:login* since:24h …"
        onChange={(to) => navigate(href("replay", { q: to }))}
      />
      {recordings.length > 0 ? (
        <div class="split-list">
          <Rows recordings={recordings} calls={feed.rows} />
          <ListEnd feed={feed} what="recordings" />
        </div>
      ) : bad ? (
        <Empty title="Invalid filter">
          <p>Correct it above or clear it.</p>
        </Empty>
      ) : feed.problem !== null ? (
        <LoadError what="the recordings" problem={feed.problem} retry={feed.reload} />
      ) : feed.loading || feed.rows.length > 0 ? (
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
    </>
  );
}

function Rows({ recordings, calls }: { recordings: RecordingRecord[]; calls: readonly ActivityRecord[] }) {
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
        return [...head, <Row key={one.id} recording={one} calls={calls} />];
      })}
    </ol>
  );
}

function Row({ recording, calls }: { recording: RecordingRecord; calls: readonly ActivityRecord[] }) {
  const linked = [...new Set(recording.links.map((link) => link.activity))];
  const shown = linked.flatMap((id) => calls.find((call) => call.id === id) ?? []);
  const failed = shown.find((call) => call.status === "failed");
  const named = shown.slice(0, MAX_NAMED);
  const more = linked.length - named.length;
  const scope = [...new Set(shown.flatMap((call) => [call.project, call.agent]))].filter(
    (text) => text !== null,
  );
  const live = recording.status === "recording";
  return (
    <li class={`row ${failed === undefined ? "" : "row-failed"}`}>
      <a class="row-link" href={href("replay", { id: recording.id })}>
        <StatusMark status={live ? "running" : failed === undefined ? "success" : "failed"} />
        <span class="row-name row-calls">
          {named.map((call, n) => (
            <>
              {n > 0 && ", "}
              <Name text={call.name} />
            </>
          ))}
          {more > 0 && <span class="dim"> +{more}</span>}
        </span>
        <Tag>{FORMATS[recording.format] ?? printable(recording.format)}</Tag>
        {recording.status !== "complete" && (
          <span class="tag">{live ? "live" : recording.status.replaceAll("_", " ")}</span>
        )}
        <span class="row-message">{escaped(failed?.message ?? failed?.error_type ?? "")}</span>
        <span class="row-scope">
          <Names texts={scope} />
        </span>
        <span class="row-took num">{live ? "–" : duration(length(recording))}</span>
        <span class="row-time">
          <Clock at={recording.started_at} />
        </span>
      </a>
    </li>
  );
}

/** Returns the duration in nanoseconds. */
function length(recording: RecordingRecord): number | null {
  const { started_at, ended_at } = recording;
  return ended_at === null ? null : (Date.parse(ended_at) - Date.parse(started_at)) * 1e6;
}
