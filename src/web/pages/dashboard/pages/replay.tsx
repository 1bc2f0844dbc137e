import { useLayoutEffect, useRef } from "preact/hooks";
import { getJson, Problem, segment } from "../data/api";
import { instant } from "../data/dates";
import { bytes, plural } from "../data/format";
import { useLoad } from "../data/load";
import { printable } from "../data/names";
import type {
  ActivityRecord,
  ActivityResponse,
  EventRecord,
  RecordingRecord,
  TreePage,
} from "../data/records";
import { href, type Params, replace } from "../data/route";
import { useTitle } from "../data/title";
import { Name } from "../parts/name";
import { Empty, LoadError, Skeleton } from "../parts/states";
import { Player } from "./player";
import { RecordingList } from "./recordings";

/** The formats that the player knows. */
const FORMATS = ["rrweb", "asciicast"];
/** The maximum number of calls to load for the timeline, and of steps of the opened one. */
const MAX_CALLS = 40;
const MAX_STEPS = 200;

/** The list of recordings, or the player of one. */
export function ReplayPage({ params }: { params: Params }) {
  return params.id === undefined ? (
    <RecordingList params={params} />
  ) : (
    <RecordingPage id={params.id} params={params} />
  );
}

/** What the page of a recording shows. */
interface Found {
  recording: RecordingRecord | null;
  /** The call that was opened, or the first one. */
  call: ActivityRecord | null;
  calls: ActivityRecord[];
  steps: ActivityRecord[];
  events: EventRecord[];
}

function RecordingPage({ id, params }: { id: string; params: Params }) {
  const ended = useRef(new Map<string, ActivityResponse>());
  // A live recording may end, or get another tab.
  const found = useLoad(
    `recording ${id} ${params.activity ?? ""}`,
    (signal) => load(id, params.activity, ended.current, signal),
    (data) => (data?.recording?.status === "recording" ? { changing: 2_000, idle: 2_000 } : null),
  );
  const recording = found.data?.recording ?? null;
  useTitle(printable(found.data?.call?.name ?? "Recording"), "Replay");
  // `of` stands for the first recording of the activity. A link is to the recording itself.
  useLayoutEffect(() => {
    if (id === "of" && recording !== null) {
      replace(href("replay", { ...params, id: recording.id }));
    }
  }, [id, recording?.id]);
  if (found.data === null) {
    if (found.problem === null) {
      return <Skeleton what="the recording" />;
    }
    return found.problem.status === 404 ? (
      <NotFound />
    ) : (
      <LoadError what="the recording" problem={found.problem} retry={found.reload} />
    );
  }
  if (recording === null) {
    return <NotFound />;
  }
  const { call, calls, steps, events } = found.data;
  return (
    <>
      <header class="page-head">
        <nav aria-label="Breadcrumb" class="crumbs">
          <a href={href("replay")}>Replay</a>
        </nav>
        <h1 class="player-title">{call === null ? "Recording" : <Name text={call.name} />}</h1>
        <span class="dim">
          {instant(recording.started_at)} · {plural(recording.events, "event")} · {bytes(recording.bytes)}
        </span>
        {recording.lost > 0 && <span class="bad">{plural(recording.lost, "event")} lost</span>}
        {recording.status !== "complete" && <span class="tag">{recording.status.replaceAll("_", " ")}</span>}
        <div class="spacer" />
        {call !== null && (
          <a class="button" href={href("activity", { id: call.id })}>
            View activity
          </a>
        )}
      </header>
      {FORMATS.includes(recording.format) ? (
        <Player
          key={recording.id}
          recording={recording}
          calls={calls}
          steps={steps}
          events={events}
          params={params}
        />
      ) : (
        <Empty title={`No player for format "${recording.format}"`}>
          <p>
            Export it with <code>activity recording {recording.id} -o FILE</code>.
          </p>
        </Empty>
      )}
    </>
  );
}

function NotFound() {
  return (
    <Empty title="Recording not found">
      <p>
        Nothing was recorded, or the recording was pruned. <a href={href("replay")}>All recordings</a>
      </p>
    </Empty>
  );
}

/**
 * Loads a recording with its calls, and the steps of the one that was opened. Calls that have ended are kept in `ended`: a live
 * recording is loaded again and again.
 */
async function load(
  id: string,
  activity: string | undefined,
  ended: Map<string, ActivityResponse>,
  signal: AbortSignal,
): Promise<Found> {
  const opened = activity === undefined ? null : await details(activity, signal).catch(unlessGone(id));
  const listed = opened?.recordings ?? [];
  const recording =
    id === "of"
      ? (listed[0] ?? null)
      : (listed.find((one) => one.id === id) ??
        (await getJson<RecordingRecord>(`recordings/${segment(id)}`, {}, signal)));
  const linked = recording?.links.map((link) => link.activity) ?? [];
  const others = [...new Set(linked)].filter((one) => one !== opened?.id).slice(0, MAX_CALLS);
  // One that cannot be loaded is not shown.
  const settled = await Promise.allSettled(others.map((one) => ended.get(one) ?? details(one, signal)));
  const loaded = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  for (const one of loaded.filter((one) => one.seq !== null)) {
    ended.set(one.id, one);
  }
  const calls = [...(opened === null ? [] : [opened]), ...loaded];
  const call = opened ?? loaded[0] ?? null;
  const tree =
    call === null
      ? null
      : await getJson<TreePage>(`activities/${segment(call.id)}/tree`, { limit: MAX_STEPS }, signal);
  return {
    recording,
    call,
    calls,
    steps: tree?.activities ?? [],
    events: calls.flatMap((one) => one.events),
  };
}

/** A recording outlives its activities: it is shown without one that was pruned. */
function unlessGone(recording: string): (cause: unknown) => null {
  return (cause) => {
    if (recording !== "of" && cause instanceof Problem && cause.status === 404) {
      return null;
    }
    throw cause;
  };
}

function details(id: string, signal: AbortSignal): Promise<ActivityResponse> {
  return getJson<ActivityResponse>(`activities/${segment(id)}`, { tree: "none" }, signal);
}
