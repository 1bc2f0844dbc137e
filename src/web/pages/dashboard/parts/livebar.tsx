import { apiUrl } from "../data/api";
import type { Connection } from "../data/live";
import { filterOf, rowsOf } from "../data/roots";
import { Copy, shellWord } from "./copy";
import { Menu } from "./menu";

interface Bar {
  q: string;
  what: "activities" | "events";
  connection: Connection;
  onToggle: () => void;
}

const LABELS: Record<Connection, string> = {
  on: "Live",
  connecting: "Connecting…",
  lost: "Reconnecting…",
  off: "Paused",
};

/** Pauses and resumes the live list, exports it, and copies it as a CLI command. */
export function LiveBar({ q, what, connection, onToggle }: Bar) {
  const command = [
    "activity",
    what === "events" ? "events" : "list",
    // The command lists roots by the same rule, unless the filter or this option says otherwise.
    ...(what === "activities" && filterOf(rowsOf(undefined, q), q) !== q ? ["--all"] : []),
    ...(q === "" ? [] : [shellWord(q)]),
  ].join(" ");
  return (
    <div class="livebar">
      <button
        type="button"
        class={`button live live-${connection}`}
        aria-pressed={connection !== "off"}
        title={connection === "off" ? "Resume live updates (p)" : "Pause live updates (p)"}
        onClick={onToggle}
      >
        <span class="live-dot" aria-hidden="true" />
        {LABELS[connection]}
      </button>
      <Menu label="Export">
        {(["csv", "jsonl"] as const).map((format) => (
          <a key={format} href={apiUrl("export", { q, what, format })} download={`${what}.${format}`}>
            All matching {what} as {format === "csv" ? "CSV" : "JSON Lines"}
          </a>
        ))}
      </Menu>
      <Copy text={command}>Copy CLI command</Copy>
    </div>
  );
}
