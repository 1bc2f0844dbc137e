import { isSameDay, span } from "../data/dates";
import type { Period } from "../data/records";
import { navigate, replace } from "../data/route";
import { type Shown, shifted, WINDOWS } from "../data/window";
import { useKeys } from "./keys";

/** Selects the window of a page: its length, and steps to the one before and after. */
export function WindowChoice({
  time,
  shown,
  put,
}: {
  time: Shown;
  /** What is shown, once it is loaded. */
  shown: { window: Period; earlier?: string | null; later?: string | null } | null;
  put: (changes: Record<string, string | null | undefined>) => string;
}) {
  const reset = () => navigate(put({ since: null, until: null }));
  useKeys(time.window === null ? { Escape: reset } : {});
  const { earlier, later } = shown ?? {};
  const step = (by: 1 | -1) => {
    const at = by < 0 ? earlier : later;
    if (time.window === null && shown !== null) {
      const to = shifted(shown.window, by);
      navigate(put({ since: to.start, until: to.end }));
    } else {
      navigate(put({ at: by > 0 && isToday(at) ? null : at }));
    }
  };
  return (
    <>
      {/* First, so that the other buttons stay where they are. */}
      {time.window === null && (
        <button type="button" class="button" onClick={reset}>
          Reset zoom
        </button>
      )}
      <div class="segmented" role="group" aria-label="Window">
        {WINDOWS.map((one) => (
          <button
            type="button"
            key={one}
            aria-pressed={one === time.window}
            onClick={() => replace(put({ window: one === "day" ? null : one, since: null, until: null }))}
          >
            {one}
          </button>
        ))}
      </div>
      <div class="stepper" role="group" aria-label="Period">
        <button
          type="button"
          class="icon-button"
          aria-label="Previous period"
          disabled={!earlier}
          onClick={() => step(-1)}
        >
          ‹
        </button>
        <span class="stepper-now">{shown === null ? "…" : windowName(shown.window, time)}</span>
        <button
          type="button"
          class="icon-button"
          aria-label="Next period"
          disabled={!later}
          onClick={() => step(1)}
        >
          ›
        </button>
      </div>
    </>
  );
}

function isToday(at: string | null | undefined): boolean {
  return typeof at === "string" && isSameDay(new Date(at), new Date());
}

function windowName(window: Period, time: Shown): string {
  const { start, end } = window;
  if (time.window === null || !time.present) {
    return span(start, end);
  }
  return time.window === "day" ? "Today" : `${span(start, end).split(" – ")[0]} – today`;
}
