import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Problem } from "../data/api";
import { ask, askLines, part } from "../data/api";
import type { TreePage } from "../data/branches";
import { useFeed } from "../data/feed";
import { bytes, count, instant } from "../data/format";
import { toProblem, useEvery, useLoad } from "../data/load";
import type { Activity, Details, Fact, Recording } from "../data/records";
import { amend, href, type Params } from "../data/route";
import { StatusMark } from "../parts/badge";
import { More } from "../parts/more";
import { Empty, Failure, Waiting } from "../parts/state";
import { Clock, Took } from "../parts/time";
import type { Chunk, Mark, ToFrame } from "../replay/messages";

/** What was recorded, played. */
export function ReplayPage({ params }: { params: Params }) {
  return params.id === undefined ? <Recorded /> : <Played id={params.id} params={params} />;
}

/** All activities that something was recorded of. */
function Recorded() {
  const feed = useFeed<Activity>("activities", "has:recording");
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
                  <span class="row-replay">▶ play</span>
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
          <More feed={feed} what="recordings" />
        </div>
      ) : feed.problem !== null ? (
        <Failure what="the recordings" problem={feed.problem} retry={feed.reload} />
      ) : feed.loading ? (
        <Waiting what="the recordings" />
      ) : (
        <Empty title="Nothing was recorded yet">
          <p>
            Attach a browser to the activity that drives it:{" "}
            <code>Activity::current().attach(Browser::at(devtools_url)).await</code>. What its pages looked
            like can then be watched here.
          </p>
        </Empty>
      )}
    </>
  );
}

function Played({ id, params }: { id: string; params: Params }) {
  // Without an id of a recording, the first one of the activity.
  const found = useLoad(`${id} ${params.activity ?? ""}`, async (signal) => {
    const details = params.activity === undefined ? null : await detailsOf(params.activity, signal);
    const listed = details?.recordings ?? [];
    const recording =
      id === "of"
        ? listed[0]
        : (listed.find((one) => one.id === id) ??
          (await ask<Recording>(`recordings/${part(id)}`, {}, signal)));
    const linked = recording?.links[0]?.activity;
    const around = details ?? (linked === undefined ? null : await detailsOf(linked, signal));
    const tree =
      around === null
        ? []
        : (await ask<TreePage>(`activities/${part(around.id)}/tree`, { limit: MARKS }, signal)).activities;
    return { recording: recording ?? null, around, tree };
  });
  // What goes on may have ended, or have another tab.
  useEvery(2_000, () => found.data?.recording?.status === "recording" && found.reload());
  if (found.data === null) {
    return found.problem === null ? (
      <Waiting what="the recording" />
    ) : (
      <Failure what="the recording" problem={found.problem} retry={found.reload} />
    );
  }
  const { recording, around, tree } = found.data;
  if (recording === null) {
    return (
      <Empty title="This activity has no recording">
        <p>
          It never had one, or it was pruned. <a href={href("replay")}>All recordings</a>
        </p>
      </Empty>
    );
  }
  return <Player recording={recording} around={around} tree={tree} params={params} />;
}

function detailsOf(id: string, signal: AbortSignal): Promise<Details> {
  return ask<Details>(`activities/${part(id)}`, { tree: "none" }, signal);
}

/** The recording, with what happened beside it marked in time. */
function Player({
  recording,
  around,
  tree,
  params,
}: {
  recording: Recording;
  around: Details | null;
  tree: readonly Activity[];
  params: Params;
}) {
  const track = recording.tracks.find((one) => one === params.track) ?? recording.tracks[0] ?? "";
  const marks = useMemo(() => marksOf(tree, around?.events ?? []), [tree, around]);
  const titled = (name: string, n: number) => (name === "" ? `Track ${n + 1}` : name);
  return (
    <>
      <header class="page-head">
        <nav aria-label="Where it stands" class="crumbs">
          <a href={href("replay")}>Replay</a>
        </nav>
        <h1>{around?.name ?? "Recording"}</h1>
        <span class="dim">
          {instant(recording.started_at)} · {count(recording.events)} events · {bytes(recording.bytes)}
        </span>
        {recording.lost > 0 && <span class="bad">{count(recording.lost)} events are missing</span>}
        {recording.status !== "complete" && <span class="tag">{recording.status.replaceAll("_", " ")}</span>}
        <div class="spacer" />
        {around !== null && (
          <a class="button" href={href("activity", { id: around.id })}>
            Open the activity
          </a>
        )}
      </header>
      {recording.tracks.length > 1 && (
        <div class="segmented tracks" role="group" aria-label="Tabs of the browser">
          {recording.tracks.map((name, n) => (
            <button
              type="button"
              key={name}
              aria-pressed={name === track}
              onClick={() => amend(href("replay", { ...params, track: name }))}
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
        <Empty title={`There is no player for "${recording.format}"`}>
          <p>
            Write it out with <code>activity recording {recording.id} -o FILE</code>.
          </p>
        </Empty>
      )}
    </>
  );
}

/** The document that plays: one of its own, which can ask nobody for anything. It is told what to show. */
function Frame({ recording, track, marks }: { recording: Recording; track: string; marks: readonly Mark[] }) {
  const frame = useRef<HTMLIFrameElement>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [height, setHeight] = useState(560);
  const [round, setRound] = useState(0);
  const live = recording.status === "recording";
  const latest = useRef(marks);
  latest.current = marks;
  // A round asks once more.
  useEffect(() => {
    const stop = new AbortController();
    let from = 0;
    let again: ReturnType<typeof setTimeout> | undefined;
    setProblem(null);
    const tell = (message: ToFrame) => frame.current?.contentWindow?.postMessage(message, location.origin);
    const more = async () => {
      try {
        const query = { track, from };
        const chunks = await askLines<Chunk>(`recordings/${part(recording.id)}/chunks`, query, stop.signal);
        from = (chunks.at(-1)?.number ?? from - 1) + 1;
        tell({ type: "chunks", chunks, live });
        if (live) {
          again = setTimeout(() => void more(), 1_000);
        }
      } catch (cause) {
        if (!stop.signal.aborted) {
          setProblem(toProblem(cause));
        }
      }
    };
    const heard = (event: MessageEvent) => {
      if (event.source !== frame.current?.contentWindow || event.origin !== location.origin) {
        return;
      }
      if (event.data === "ready") {
        tell({
          type: "marks",
          marks: [...latest.current],
          theme: document.documentElement.dataset.theme ?? "auto",
        });
        void more();
      } else if (typeof event.data === "object" && typeof event.data?.height === "number") {
        setHeight(event.data.height);
      }
    };
    addEventListener("message", heard);
    return () => {
      stop.abort();
      clearTimeout(again);
      removeEventListener("message", heard);
    };
  }, [recording.id, track, live, round]);
  if (problem !== null) {
    return <Failure what="the recording" problem={problem} retry={() => setRound(round + 1)} />;
  }
  return (
    <iframe
      ref={frame}
      class="replay-frame"
      title="What was recorded"
      src="./replay.html"
      style={{ height: `${height}px` }}
    />
  );
}

/** So many activities, and so many events, are marked at most. */
const MARKS = 200;

/** When the activities of a tree began, and what happened inside of the one that was recorded. */
function marksOf(tree: readonly Activity[], events: readonly Fact[]): Mark[] {
  const began = tree.map((one) => ({
    at: Date.parse(one.started_at),
    label: one.name,
    kind: one.status === "failed" ? ("failed" as const) : ("activity" as const),
  }));
  const happened = events.slice(0, MARKS).map((one) => ({
    at: Date.parse(one.at),
    label: one.summary ?? one.type,
    kind: "event" as const,
  }));
  return [...began, ...happened];
}
