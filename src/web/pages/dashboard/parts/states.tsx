import type { ComponentChildren } from "preact";
import type { Problem } from "../data/api";

/** An empty state: what is missing and what to do. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="state">
      <svg viewBox="0 0 48 24" width="72" height="36" aria-hidden="true" class="state-art">
        <path d="M2 12h12l4-8 6 16 4-8h18" />
      </svg>
      <h2>{title}</h2>
      <div class="state-text">{children}</div>
    </div>
  );
}

/** An error with a button to retry. */
export function LoadError({ what, problem, retry }: { what: string; problem: Problem; retry: () => void }) {
  return (
    <div class="state state-failed" role="alert">
      <h2>Couldn’t load {what}</h2>
      <p class="state-text">
        {problem.message}
        {problem.help !== null && <> · {problem.help}</>}
      </p>
      <p>
        <button type="button" class="button" onClick={retry}>
          Retry
        </button>
      </p>
    </div>
  );
}

/** Placeholder rows while loading. */
export function Skeleton({ rows = 6, what }: { rows?: number; what: string }) {
  return (
    <div class="waiting" role="status">
      <span class="sr-only">Loading {what}</span>
      {Array.from({ length: rows }, (_, n) => (
        <span key={n} class="waiting-row" />
      ))}
    </div>
  );
}
