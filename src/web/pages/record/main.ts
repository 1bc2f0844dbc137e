// Runs in every document of a recorded browser, before its own scripts, and hands rrweb's events out as they happen.

import { record } from "@rrweb/record";

/** What the recorder outside says. */
interface Settings {
  /** The name of the function that hands out. */
  binding: string;
  blockSelector?: string;
  ignoreSelector?: string;
}

/** What the recorder outside can ask a document for. */
interface Control {
  /** Hands out what is held back. Says which document this is, and how many events it has had. */
  flush(): string;
  /** The same, and ends. */
  stop(): string;
}

/** How long events are gathered, and how many bytes of them. */
const GATHER_MS = 50;
const GATHER_BYTES = 64 * 1024;
/** How long nothing is gathered once the document may go: it may not come to a second turn. */
const LEAVING_MS = 3_000;
/** By tag: rrweb's own list of types leaves out hidden inputs. */
const MASKED = { input: true, textarea: true, select: true };
/** What is typed into beside inputs. */
const EDITABLE = "[contenteditable], [contenteditable] *";
/** rrweb's types of events without which the others mean nothing. */
const FULL_SNAPSHOT = 2;
const META = 4;

export function start(settings: Settings): void {
  const key = Symbol.for(settings.binding);
  const marked = document as unknown as Record<symbol, Control | undefined>;
  if (marked[key] !== undefined || isRecordedByParent()) {
    return;
  }

  const id = Math.random().toString(36).slice(2);
  let lines: string[] = [];
  let [bytes, count, from, until, leaving] = [0, 0, 0, 0, 0];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;

  const handOut = () => {
    clearTimeout(timer);
    timer = undefined;
    if (lines.length === 0) {
      return;
    }
    const head = `${id} ${count - lines.length} ${from} ${until}`;
    const text = `${head}\n${lines.join("\n")}\n`;
    [lines, bytes] = [[], 0];
    const send = (window as unknown as Record<string, unknown>)[settings.binding];
    if (typeof send === "function") {
      send(text);
    }
  };
  const status = () => {
    handOut();
    return `${id} ${count}`;
  };

  const stop = record({
    emit(event) {
      const line = JSON.stringify(event);
      if (lines.length === 0) {
        from = event.timestamp;
      }
      until = event.timestamp;
      lines.push(line);
      bytes += line.length;
      count += 1;
      const now = event.type === META || event.type === FULL_SNAPSHOT || Date.now() < leaving;
      if (now || bytes >= GATHER_BYTES) {
        handOut();
      } else {
        timer ??= setTimeout(handOut, GATHER_MS);
      }
    },
    maskInputOptions: MASKED,
    maskTextSelector: EDITABLE,
    // It would send them through the parent's page, which can read along. Each of them records itself.
    recordCrossOriginIframes: false,
    recordAfter: "DOMContentLoaded",
    ...(settings.blockSelector && { blockSelector: settings.blockSelector }),
    ...(settings.ignoreSelector && { ignoreSelector: settings.ignoreSelector }),
  });

  const leave = () => {
    leaving = Date.now() + LEAVING_MS;
    handOut();
  };
  addEventListener("beforeunload", leave, true);
  addEventListener("pagehide", leave, true);
  // The Navigation API tells of what `beforeunload` comes too late for.
  (window as { navigation?: EventTarget }).navigation?.addEventListener("navigate", leave);
  addEventListener("pageshow", (event) => {
    // Back from the cache: what went on before is another document's.
    if (event.persisted && !stopped) {
      leaving = 0;
      record.takeFullSnapshot(true);
    }
  });

  marked[key] = {
    flush: status,
    stop() {
      stopped = true;
      stop?.();
      return status();
    },
  };
}

/** True in a frame whose parent can look into it, and records it with itself. */
function isRecordedByParent(): boolean {
  if (window === window.parent) {
    return false;
  }
  try {
    return window.parent.document !== undefined;
  } catch {
    return false;
  }
}
