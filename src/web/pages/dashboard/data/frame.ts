// The frame that plays a recording. Its document cannot make requests: this page sends it the chunks.

import type { RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { FromFrame, ToFrame } from "../replay/messages";
import { getLines, type Problem, segment } from "./api";
import type { Chunk, RecordingRecord } from "./records";
import { toProblem } from "./requests";

/** How often a live recording is asked for more, in milliseconds. */
const LIVE_INTERVAL = 1_000;

export interface Frame {
  element: RefObject<HTMLIFrameElement | null>;
  problem: Problem | null;
  send: (message: ToFrame) => void;
  seek: (at: number, play: boolean) => void;
  retry: () => void;
  /** Changes with every new document. */
  key: string;
}

/** Loads a track into the frame, chunk by chunk if it is live. */
export function useFrame(
  recording: RecordingRecord,
  track: string,
  receive: (message: FromFrame) => void,
): Frame {
  const element = useRef<HTMLIFrameElement>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [round, setRound] = useState(0);
  const live = recording.status === "recording";
  const key = `${recording.id} ${track} ${live} ${round}`;
  const latest = useRef({ recording, receive });
  latest.current = { recording, receive };
  /** The number of the last seek: what the frame reports of the time before it is outdated. */
  const sought = useRef(0);
  const send = (message: ToFrame) => element.current?.contentWindow?.postMessage(message, location.origin);
  const seek = (at: number, play: boolean) => {
    sought.current += 1;
    send({ type: "seek", at, play, number: sought.current });
  };
  // Before the paint: the document may be ready soon.
  useLayoutEffect(() => {
    const stop = new AbortController();
    const { id, format, started_at } = latest.current.recording;
    let from = 0;
    let next: ReturnType<typeof setTimeout> | undefined;
    sought.current = 0;
    setProblem(null);
    const more = async () => {
      try {
        const path = `recordings/${segment(id)}/chunks`;
        const chunks = await getLines<Chunk>(path, { track, from }, stop.signal);
        from = (chunks.at(-1)?.number ?? from - 1) + 1;
        send({ type: "chunks", chunks });
        if (live) {
          next = setTimeout(() => void more(), LIVE_INTERVAL);
        }
      } catch (cause) {
        if (!stop.signal.aborted) {
          setProblem(toProblem(cause));
        }
      }
    };
    const themed = () => send({ type: "theme", theme: document.documentElement.dataset.theme ?? "auto" });
    const received = (event: MessageEvent<FromFrame>) => {
      if (event.source !== element.current?.contentWindow || event.origin !== location.origin) {
        return;
      }
      if (event.data.type === "ready") {
        themed();
        send({ type: "open", format, start: Date.parse(started_at), live });
        void more();
      }
      if (event.data.type !== "state" || event.data.seek === sought.current) {
        latest.current.receive(event.data);
      }
    };
    addEventListener("message", received);
    addEventListener("theme", themed);
    return () => {
      stop.abort();
      clearTimeout(next);
      removeEventListener("message", received);
      removeEventListener("theme", themed);
    };
  }, [key]);
  return { element, problem, send, seek, retry: () => setRound(round + 1), key };
}
