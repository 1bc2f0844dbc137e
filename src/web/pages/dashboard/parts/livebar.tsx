import { address } from "../data/api";
import type { Hearing } from "../data/live";
import { Copy, shellWord } from "./copy";

interface Bar {
  q: string;
  what: "activities" | "events";
  hearing: Hearing;
  onToggle: () => void;
}

const SAID: Record<Hearing, string> = {
  on: "Live",
  connecting: "Connecting",
  lost: "Reconnecting",
  off: "Paused",
};

/** Live or paused, export, and the same as a command. */
export function LiveBar({ q, what, hearing, onToggle }: Bar) {
  const command = [
    "activity",
    what === "events" ? "events" : "list",
    ...(q === "" ? [] : [shellWord(q)]),
  ].join(" ");
  return (
    <div class="livebar">
      <button
        type="button"
        class={`button live live-${hearing}`}
        aria-pressed={hearing !== "off"}
        title="Pause or go on (p)"
        onClick={onToggle}
      >
        <span class="live-dot" aria-hidden="true" />
        {SAID[hearing]}
      </button>
      <details class="menu">
        <summary class="button">Export</summary>
        <div class="menu-list">
          {(["csv", "jsonl"] as const).map((format) => (
            <a key={format} href={address("export", { q, what, format })} download={`${what}.${format}`}>
              All {what} of this filter as {format === "csv" ? "CSV" : "JSON lines"}
            </a>
          ))}
        </div>
      </details>
      <Copy text={command}>Copy as command</Copy>
    </div>
  );
}
