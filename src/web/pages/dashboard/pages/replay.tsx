import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Problem } from "../data/api";
import { getJson, getLines, segment } from "../data/api";
import { useFeed } from "../data/feed";
import { bytes, instant, plural } from "../data/format";
import { toProblem, useInterval, useLoad } from "../data/load";
import type {
  ActivityRecord,
  ActivityResponse,
  Chunk,
  EventRecord,
  RecordingRecord,
  TreePage,
} from "../data/records";
import { href, type Params, replace } from "../data/route";
import { StatusMark } from "../parts/badge";
import { ListEnd } from "../parts/listend";
import { Empty, LoadError, Skeleton } from "../parts/states";
import { Clock, Took } from "../parts/time";
import type { Mark, ToFrame } from "../replay/messages";

/** The list of recordings, or the player of one. */
export function ReplayPage({ params }: { params: Params }) {
  return params.id === undefined ? <RecordingList /> : <RecordingPage id={params.id} params={params} />;
}

/** The activities with recordings. */
function RecordingList() {
  const feed = useFeed<ActivityRecord>("activities", "has:recording");
  return (
    <>
      <header class="page-head">
        <h1>Replay</h1>
      </header>
      {feed.rows.length > 0 ? (
        <div class="split-list">
          <ol class="rows" aria-label="Activities with recordings">
            {feed.rows.map((row) => (
              <li key={row.id} class="row">
                <a class="row-link" href={href("replay", { id: "of", activity: row.id })}>
                  <StatusMark status={row.status} />
                  <span class="row-name">{row.name}</span>
                  <span class="row-replay">▶ Play</span>
                  <span class="row-message">{row.message}</span>
                  <span class="row-scope">
                    {[row.project, row.agent].filter((text) => text !== null).join(" · ")}
                  </span>
                  <span class="row-took">
                    <Took activity={row} />
                  </span>
                  <span class="row-time">
                    <Clock at={row.started_at} />
                  </span>
                </a>
              </li>
            ))}
          </ol>
          <ListEnd feed={feed} what="recordings" />
        </div>
      ) : feed.problem !== null ? (
        <LoadError what="the recordings" problem={feed.problem} retry={feed.reload} />
      ) : feed.loading ? (
        <Skeleton what="the recordings" />
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

function RecordingPage({ id, params }: { id: string; params: Params }) {
  // `of` stands for the first recording of the activity.
  const found = useLoad(`${id} ${params.activity ?? ""}`, async (signal) => {
    const details = params.activity === undefined ? null : await detailsOf(params.activity, signal);
    const listed = details?.recordings ?? [];
    const recording =
      id === "of"
        ? listed[0]
        : (listed.find((one) => one.id === id) ??
          (await getJson<RecordingRecord>(`recordings/${segment(id)}`, {}, signal)));
    const linked = recording?.links[0]?.activity;
    const around = details ?? (linked === undefined ? null : await detailsOf(linked, signal));
    const tree =
      around === null
        ? []
        : (await getJson<TreePage>(`activities/${segment(around.id)}/tree`, { limit: MAX_MARKS }, signal))
            .activities;
    return { recording: recording ?? null, around, tree };
  });
  // A live recording may end, or get another tab.
  useInterval(2_000, () => found.data?.recording?.status === "recording" && found.reload());
  if (found.data === null) {
    return found.problem === null ? (
      <Skeleton what="the recording" />
    ) : (
      <LoadError what="the recording" problem={found.problem} retry={found.reload} />
    );
  }
  const { recording, around, tree } = found.data;
  if (recording === null) {
    return (
      <Empty title="This activity has no recording">
        <p>
          It was never recorded, or the recording was pruned. <a href={href("replay")}>All recordings</a>
        </p>
      </Empty>
    );
  }
  return <Player recording={recording} around={around} tree={tree} params={params} />;
}

function detailsOf(id: string, signal: AbortSignal): Promise<ActivityResponse> {
  return getJson<ActivityResponse>(`activities/${segment(id)}`, { tree: "none" }, signal);
}

/** The player, with activities and events as marks on its timeline. */
function Player({
  recording,
  around,
  tree,
  params,
}: {
  recording: RecordingRecord;
  around: ActivityResponse | null;
  tree: readonly ActivityRecord[];
  params: Params;
}) {
  const track = recording.tracks.find((one) => one === params.track) ?? recording.tracks[0] ?? "";
  const marks = useMemo(() => marksOf(tree, around?.events ?? []), [tree, around]);
  const titled = (name: string, n: number) => (name === "" ? `Track ${n + 1}` : name);
  return (
    <>
      <header class="page-head">
        <nav aria-label="Breadcrumb" class="crumbs">
          <a href={href("replay")}>Replay</a>
        </nav>
        <h1>{around?.name ?? "Recording"}</h1>
        <span class="dim">
          {instant(recording.started_at)} · {plural(recording.events, "event")} · {bytes(recording.bytes)}
        </span>
        {recording.lost > 0 && <span class="bad">{plural(recording.lost, "event")} lost</span>}
        {recording.status !== "complete" && <span class="tag">{recording.status.replaceAll("_", " ")}</span>}
        <div class="spacer" />
        {around !== null && (
          <a class="button" href={href("activity", { id: around.id })}>
            View activity
          </a>
        )}
      </header>
      {recording.tracks.length > 1 && (
        <div class="segmented tracks" role="group" aria-label="Browser tabs">
          {recording.tracks.map((name, n) => (
            <button
              type="button"
              key={name}
              aria-pressed={name === track}
              onClick={() => replace(href("replay", { ...params, track: name }))}
            >
              {titled(name, n)}
            </button>
          ))}
        </div>
      )}
      {recording.format === "rrweb" ? (
        <Frame
          key={`${track} ${recording.status === "recording"}`}
          recording={recording}
          track={track}
          marks={marks}
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

/** The frame that plays a recording. Its document cannot make requests: this page sends it the chunks. */
function Frame({
  recording,
  track,
  marks,
}: {
  recording: RecordingRecord;
  track: string;
  marks: readonly Mark[];
}) {
  const frame = useRef<HTMLIFrameElement>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [height, setHeight] = useState(560);
  const [round, setRound] = useState(0);
  const live = recording.status === "recording";
  const latest = useRef(marks);
  latest.current = marks;
  // `round` changes to retry.
  useEffect(() => {
    const stop = new AbortController();
    let from = 0;
    let next: ReturnType<typeof setTimeout> | undefined;
    setProblem(null);
    const send = (message: ToFrame) => frame.current?.contentWindow?.postMessage(message, location.origin);
    const more = async () => {
      try {
        const query = { track, from };
        const chunks = await getLines<Chunk>(
          `recordings/${segment(recording.id)}/chunks`,
          query,
          stop.signal,
        );
        from = (chunks.at(-1)?.number ?? from - 1) + 1;
        send({ type: "chunks", chunks, live });
        if (live) {
          next = setTimeout(() => void more(), 1_000);
        }
      } catch (cause) {
        if (!stop.signal.aborted) {
          setProblem(toProblem(cause));
        }
      }
    };
    const onMessage = (event: MessageEvent) => {
      if (event.source !== frame.current?.contentWindow || event.origin !== location.origin) {
        return;
      }
      if (event.data === "ready") {
        send({
          type: "marks",
          marks: [...latest.current],
          theme: document.documentElement.dataset.theme ?? "auto",
        });
        void more();
      } else if (typeof event.data === "object" && typeof event.data?.height === "number") {
        setHeight(event.data.height);
      }
    };
    addEventListener("message", onMessage);
    return () => {
      stop.abort();
      clearTimeout(next);
      removeEventListener("message", onMessage);
    };
  }, [recording.id, track, live, round]);
  if (problem !== null) {
    return <LoadError what="the recording" problem={problem} retry={() => setRound(round + 1)} />;
  }
  return (
    <iframe
      ref={frame}
      class="replay-frame"
      title="Recording"
      src="./replay.html"
      style={{ height: `${height}px` }}
    />
  );
}

/** The maximum number of marks for activities, and for events. */
const MAX_MARKS = 200;

/** Returns marks for the starts of activities and for events. */
function marksOf(tree: readonly ActivityRecord[], events: readonly EventRecord[]): Mark[] {
  const starts = tree.map((one) => ({
    at: Date.parse(one.started_at),
    label: one.name,
    kind: one.status === "failed" ? ("failed" as const) : ("activity" as const),
  }));
  const points = events.slice(0, MAX_MARKS).map((one) => ({
    at: Date.parse(one.at),
    label: one.summary ?? one.type,
    kind: "event" as const,
  }));
  return [...starts, ...points];
}
