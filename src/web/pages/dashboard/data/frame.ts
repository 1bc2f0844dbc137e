// The frame that plays a recording. Its document cannot make requests: this page sends it the chunks.

import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
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
  const send = (message: ToFrame) => element.current?.contentWindow?.postMessage(message, location.origin);
  useEffect(() => {
    const stop = new AbortController();
    const { id, format, started_at } = latest.current.recording;
    let from = 0;
    let next: ReturnType<typeof setTimeout> | undefined;
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
      latest.current.receive(event.data);
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
  return { element, problem, send, retry: () => setRound(round + 1), key };
}
