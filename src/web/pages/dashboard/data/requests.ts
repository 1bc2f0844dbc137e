import { Problem } from "./api";
import { onChange } from "./live";

/** The first delay before a failed request is repeated, in milliseconds. It doubles up to the last one. */
const RETRY = { first: 2_000, last: 30_000 };

/** Calls after a delay, once the document is visible. Returns a function that cancels it. */
export function later(ms: number, call: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const due = () => {
    if (document.hidden) {
      document.addEventListener("visibilitychange", due, { once: true });
    } else {
      call();
    }
  };
  timer = setTimeout(due, ms);
  return () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", due);
  };
}

/** A request, and what its answer or failure changes. */
export interface Request<T> {
  load: (signal: AbortSignal) => Promise<T>;
  started?: () => void;
  done: (answer: T) => void;
  failed: (problem: Problem) => void;
}

/**
 * Sends requests one at a time: a request never aborts the one in flight, but follows it. A request that fails in an outage is
 * repeated until it succeeds.
 */
export class Requests {
  #inFlight: AbortController | null = null;
  #next: (() => void) | null = null;
  #retry: (() => void) | null = null;
  #failures = 0;

  /** Sends a request, after the one in flight. Of several that wait only the last is sent. */
  send<T>(request: Request<T>): void {
    if (this.#inFlight !== null) {
      this.#next = () => this.send(request);
      return;
    }
    this.#cancelRetry();
    const stop = new AbortController();
    this.#inFlight = stop;
    request.started?.();
    request.load(stop.signal).then(
      (answer) => {
        this.#end(stop, () => {
          this.#failures = 0;
          request.done(answer);
        });
      },
      (cause: unknown) => {
        this.#end(stop, () => {
          const problem = toProblem(cause);
          request.failed(problem);
          if (isOutage(problem)) {
            this.#failures += 1;
            this.#retryLater(() => this.send(request));
          }
        });
      },
    );
  }

  /** Aborts the request in flight, and forgets the others: their answers are no longer wanted. */
  stop(): void {
    this.#cancelRetry();
    this.#inFlight?.abort();
    this.#inFlight = null;
    this.#next = null;
    this.#failures = 0;
  }

  #end(stop: AbortController, settle: () => void): void {
    if (stop.signal.aborted) {
      return;
    }
    this.#inFlight = null;
    settle();
    const next = this.#next;
    this.#next = null;
    next?.();
  }

  #retryLater(again: () => void): void {
    const cancelTimer = later(Math.min(RETRY.last, RETRY.first * 2 ** (this.#failures - 1)), again);
    const unsubscribe = onChange((change) => change === "connected" && again());
    this.#retry = () => {
      cancelTimer();
      unsubscribe();
    };
  }

  #cancelRetry(): void {
    this.#retry?.();
    this.#retry = null;
  }
}

export function toProblem(cause: unknown): Problem {
  return cause instanceof Problem ? cause : new Problem(String(cause), 0, "page");
}

/** Whether the same request may succeed later. */
function isOutage({ status, code }: Problem): boolean {
  return code !== "too_slow" && (code === "unreachable" || status === 429 || status >= 500);
}
