// Runs in every document of a recorded browser before its own scripts, and sends rrweb's events to the recorder.

import { record } from "@rrweb/record";

/** Settings from the recorder. */
interface Settings {
  /** Name of the function that sends events. */
  binding: string;
  blockSelector?: string;
  ignoreSelector?: string;
}

/** Functions that the recorder calls in a document. */
interface Control {
  /** Sends buffered events. Returns the ID of the document and the number of its events. */
  flush(): string;
  /** Stops recording and flushes. */
  stop(): string;
}

/** Events are buffered for this long, or up to this size. */
const BUFFER_MS = 50;
const BUFFER_BYTES = 64 * 1024;
/** How long events are not buffered after a sign that the document is unloading: no timer may fire anymore. */
const LEAVING_MS = 3_000;
/** By tag: rrweb's own list of input types lacks hidden inputs. */
const MASKED = { input: true, textarea: true, select: true };
/** Editable elements besides inputs. */
const EDITABLE = "[contenteditable], [contenteditable] *";
/** rrweb's event types that playback of the others depends on. */
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

  const send = () => {
    clearTimeout(timer);
    timer = undefined;
    if (lines.length === 0) {
      return;
    }
    const head = `${id} ${count - lines.length} ${from} ${until}`;
    const text = `${head}\n${lines.join("\n")}\n`;
    [lines, bytes] = [[], 0];
    const binding = (window as unknown as Record<string, unknown>)[settings.binding];
    if (typeof binding === "function") {
      binding(text);
    }
  };
  const status = () => {
    send();
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
      if (now || bytes >= BUFFER_BYTES) {
        send();
      } else {
        timer ??= setTimeout(send, BUFFER_MS);
      }
    },
    maskInputOptions: MASKED,
    maskTextSelector: EDITABLE,
    // Its events would pass through the parent page, which could read them. Each frame records itself.
    recordCrossOriginIframes: false,
    recordAfter: "DOMContentLoaded",
    ...(settings.blockSelector && { blockSelector: settings.blockSelector }),
    ...(settings.ignoreSelector && { ignoreSelector: settings.ignoreSelector }),
  });

  const leave = () => {
    leaving = Date.now() + LEAVING_MS;
    send();
  };
  addEventListener("beforeunload", leave, true);
  addEventListener("pagehide", leave, true);
  // `beforeunload` is too late for some navigations.
  (window as { navigation?: EventTarget }).navigation?.addEventListener("navigate", leave);
  addEventListener("pageshow", (event) => {
    // Restored from the back/forward cache: the recording needs a new snapshot.
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

/** Whether this is a same-origin frame, which the parent records with itself. */
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
