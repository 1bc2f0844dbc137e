import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { callRanges, countEntries, type Entry, type EntryKind, entriesOf } from "../data/entries";
import { mediaTime, plural } from "../data/format";
import { useFrame } from "../data/frame";
import { printable } from "../data/names";
import type { ActivityRecord, EventRecord, RecordingRecord } from "../data/records";
import { href, type Params, replace } from "../data/route";
import { Copy } from "../parts/copy";
import { Entries } from "../parts/entries";
import { openHelp } from "../parts/help";
import { type Shortcut, useKeys } from "../parts/keys";
import { SeekBar } from "../parts/seekbar";
import { LoadError } from "../parts/states";
import type { FromFrame } from "../replay/messages";

const SPEEDS = [0.5, 1, 2, 4, 8, 16] as const;
const STEP = 5_000;
const LONG_STEP = 30_000;
/** Pause before the address is updated: browsers limit how often a page may do that. */
const ADDRESS_MS = 250;

interface Shown {
  recording: RecordingRecord;
  calls: readonly ActivityRecord[];
  steps: readonly ActivityRecord[];
  events: readonly EventRecord[];
  params: Params;
}

type Loaded = Extract<FromFrame, { type: "loaded" }>;

/** Plays a recording: picture, timeline, and the list of what happened. */
export function Player({ recording, calls, steps, events, params }: Shown) {
  const track = recording.tracks.find((one) => one === params.track) ?? recording.tracks[0] ?? "";
  const live = recording.status === "recording";
  const [received, setReceived] = useState<{ key: string; loaded: Loaded } | null>(null);
  const [{ at, playing }, setState] = useState({ at: Date.parse(recording.started_at), playing: false });
  const [speed, setSpeed] = useState(1);
  const [skip, setSkip] = useState(true);
  const [hidden, setHidden] = useState<ReadonlySet<EntryKind>>(new Set());
  const box = useRef<HTMLDivElement>(null);
  const isFull = useFullScreen();
  const frame = useFrame(recording, track, (message) => receive(message));
  const loaded = received?.key === frame.key ? received.loaded : null;

  const [from, until] = useMemo(() => extent(recording, loaded), [recording, loaded]);
  const ranges = useMemo(() => callRanges(recording, calls, until), [recording, calls, until]);
  const all = useMemo(
    () => entriesOf(ranges, steps, events, loaded?.marks ?? []).filter((one) => isWithin(one, from, until)),
    [ranges, steps, events, loaded, from, until],
  );
  const entries = useMemo(() => all.filter((one) => !hidden.has(one.kind)), [all, hidden]);
  const counts = useMemo(() => countEntries(all), [all]);
  const own = ranges.find((range) => range.activity.id === params.activity);

  // The position in the address. The one that was written last is not read again.
  const written = useRef<string | undefined>(undefined);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const latest = useRef({ params, from });
  latest.current = { params, from };
  const write = useCallback((to: number) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      const { params: now, from: zero } = latest.current;
      written.current = seconds(to - zero);
      replace(href("replay", { ...now, t: written.current }));
    }, ADDRESS_MS);
  }, []);
  useEffect(() => () => clearTimeout(timer.current), []);
  const asked =
    params.t === undefined || Number.isNaN(Number(params.t)) ? null : from + 1_000 * Number(params.t);

  // What to do once the track is loaded: at first to show what the address asks for, later to go on with the same position.
  const next = useRef<{ at: number | null; play: boolean }>({ at: null, play: false });
  const receive = (message: FromFrame) => {
    if (message.type === "ready") {
      frame.send({ type: "settings", speed, skip });
    } else if (message.type === "loaded") {
      setReceived({ key: frame.key, loaded: message });
    } else if (message.type === "state") {
      setState(message);
      if (playing && !message.playing) {
        write(message.at);
      }
    } else {
      keys[message.key]?.(message);
    }
  };
  const ready = loaded !== null && loaded.last > 0;
  // Before the controls can be used: this must not undo what the user does first.
  useLayoutEffect(() => {
    if (ready && !live) {
      written.current = params.t;
      frame.seek(next.current.at ?? asked ?? own?.from ?? from, next.current.play);
    }
  }, [frame.key, ready]);
  useLayoutEffect(() => {
    if (ready && asked !== null && params.t !== written.current) {
      written.current = params.t;
      frame.seek(asked, playing);
    }
  }, [params.t]);

  const state = useRef({ playing, seek: frame.seek, until });
  state.current = { playing, seek: frame.seek, until };
  const seek = useCallback(
    (to: number) => {
      const now = state.current;
      const within = Math.min(now.until, Math.max(latest.current.from, to));
      now.seek(within, now.playing);
      setState({ at: within, playing: now.playing });
      write(within);
    },
    [write],
  );
  const toggle = () => {
    const again = loaded !== null && at >= loaded.last ? from : at;
    frame.seek(again, !playing);
    setState({ at: again, playing: !playing });
    if (playing) {
      write(at);
    }
  };
  const configure = (to: number, skipping: boolean) => {
    setSpeed(to);
    setSkip(skipping);
    frame.send({ type: "settings", speed: to, skip: skipping });
  };
  const faster = (by: number) =>
    configure(SPEEDS[SPEEDS.indexOf(speed as (typeof SPEEDS)[number]) + by] ?? speed, skip);
  const fullScreen = () => {
    const change =
      document.fullscreenElement === null ? box.current?.requestFullscreen() : document.exitFullscreen();
    change?.catch(() => {});
  };
  const jump = (back: boolean) => {
    const to = back ? entries.findLast((one) => one.at < at - 500) : entries.find((one) => one.at > at + 1);
    if (to !== undefined) {
      seek(to.at);
    }
  };
  const keys: Record<string, Shortcut> = live
    ? { f: fullScreen, "?": openHelp }
    : {
        "?": openHelp,
        " ": toggle,
        k: toggle,
        ArrowLeft: ({ shiftKey }) => seek(at - (shiftKey ? LONG_STEP : STEP)),
        ArrowRight: ({ shiftKey }) => seek(at + (shiftKey ? LONG_STEP : STEP)),
        Home: () => seek(from),
        End: () => seek(until),
        ",": () => faster(-1),
        ".": () => faster(1),
        f: fullScreen,
        m: () => jump(false),
        M: () => jump(true),
      };
  useKeys(keys);
  const choose = (name: string) => {
    next.current = { at, play: playing };
    replace(href("replay", { ...params, track: name, t: live ? null : seconds(at - from) }));
  };
  const position = mediaTime(at - from, until - from);
  const link = new URL(href("replay", { ...params, t: seconds(at - from) }), location.href).href;
  return (
    <div class="player" ref={box}>
      <div class="player-main">
        {recording.tracks.length > 1 && (
          <div class="segmented tracks" role="group" aria-label="Browser tabs">
            {recording.tracks.map((name, n) => (
              <button type="button" key={name} aria-pressed={name === track} onClick={() => choose(name)}>
                {name === "" ? `Track ${n + 1}` : <bdi>{printable(name)}</bdi>}
              </button>
            ))}
          </div>
        )}
        <div class="player-stage">
          {frame.problem !== null ? (
            <LoadError what="the recording" problem={frame.problem} retry={frame.retry} />
          ) : (
            <iframe
              ref={frame.element}
              key={frame.key}
              class="replay-frame"
              title="Recording"
              src="./replay.html"
            />
          )}
          {loaded !== null && !ready && !live && (
            <p class="player-note" role="status">
              {loaded.damaged > 0
                ? "This recording is damaged and cannot be played."
                : "Nothing was recorded in this tab."}
            </p>
          )}
        </div>
        <div class="controls">
          {live ? (
            <span class="live-note">Live</span>
          ) : (
            <>
              <SeekBar
                from={from}
                until={until}
                at={at}
                ranges={ranges}
                own={params.activity}
                entries={entries}
                onSeek={seek}
              />
              <button type="button" class="button button-strong play" disabled={!ready} onClick={toggle}>
                {playing ? "Pause" : "Play"}
              </button>
              <span class="num player-time">
                {position} <span class="dim">/ {mediaTime(until - from, until - from)}</span>
              </span>
              <select
                aria-label="Speed"
                value={String(speed)}
                onChange={(event) => configure(Number(event.currentTarget.value), skip)}
              >
                {SPEEDS.map((one) => (
                  <option key={one} value={String(one)}>
                    {one}×
                  </option>
                ))}
              </select>
              <label class="player-skip">
                <input
                  type="checkbox"
                  checked={skip}
                  onChange={(event) => configure(speed, event.currentTarget.checked)}
                />
                Skip inactivity
              </label>
              <Copy text={link}>{`Copy link at ${position}`}</Copy>
            </>
          )}
          {loaded !== null && loaded.damaged > 0 && ready && (
            <span class="bad">{plural(loaded.damaged, "damaged chunk")} skipped</span>
          )}
          <div class="spacer" />
          <button type="button" class="button wide-only" onClick={openHelp}>
            Keys
          </button>
          <button type="button" class="button" onClick={fullScreen}>
            {isFull ? "Exit full screen" : "Full screen"}
          </button>
        </div>
      </div>
      <Entries
        from={from}
        until={until}
        at={live ? until : at}
        entries={entries}
        counts={counts}
        hidden={hidden}
        onToggle={(kind) => setHidden(toggled(hidden, kind))}
        onSeek={live ? null : seek}
      />
    </div>
  );
}

function useFullScreen(): boolean {
  const [isFull, setFull] = useState(document.fullscreenElement !== null);
  useLayoutEffect(() => {
    const changed = () => setFull(document.fullscreenElement !== null);
    document.addEventListener("fullscreenchange", changed);
    return () => document.removeEventListener("fullscreenchange", changed);
  }, []);
  return isFull;
}

/** Returns the start and the end of a recording: the end of its events and calls, without the idle time after them. */
function extent(recording: RecordingRecord, loaded: Loaded | null): [number, number] {
  const start = Date.parse(recording.started_at);
  const ends = recording.links.flatMap((link) => (link.until === null ? [] : [Date.parse(link.until)]));
  const [first, last] = loaded === null || loaded.last === 0 ? [start, start] : [loaded.first, loaded.last];
  const from = Math.min(start, first);
  return [from, Math.max(last, from + 1, ...ends)];
}

/** Calls may begin before their recording. */
function isWithin(entry: Entry, from: number, until: number): boolean {
  const margin = (until - from) / 50;
  return entry.at >= from - margin && entry.at <= until + margin;
}

function seconds(ms: number): string {
  return (Math.max(0, ms) / 1_000).toFixed(1);
}

function toggled(set: ReadonlySet<EntryKind>, kind: EntryKind): ReadonlySet<EntryKind> {
  const next = new Set(set);
  if (!next.delete(kind)) {
    next.add(kind);
  }
  return next;
}
