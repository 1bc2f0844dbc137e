import { selfTime } from "../data/critical";
import { count, duration } from "../data/format";
import { length, type Node, startOf, type TreeRow } from "../data/tree";
import { StatusMark } from "./badge";
import { Name } from "./name";
import { Took } from "./time";

/** Failed activities to mark in the bar of a folded group. */
const MAX_MARKED = 50;

/** What is the same for all rows. */
export interface RowContext {
  /** The time range that is shown, in milliseconds since `origin`. */
  from: number;
  until: number;
  origin: number;
  now: number;
  /** Indentation for each level, and at most, in pixels. */
  step: number;
  room: number;
  /** The activities on the critical path, if it is shown. */
  critical: ReadonlySet<string> | null;
  /** Whether durations are without the time of what ran inside. */
  self: boolean;
  onSelect: (node: Node) => void;
  onFold: (node: Node) => void;
  onZoom: (node: Node) => void;
}

interface Shown {
  line: TreeRow;
  context: RowContext;
  folded: boolean;
  current?: boolean;
  selected?: boolean;
  /** A parent that is repeated above the rows below it. */
  pinned?: boolean;
}

/** A row of the waterfall: an activity, or a group of activities that repeat. */
export function Row({ line, context, folded, current = false, selected = false, pinned = false }: Shown) {
  const { node, depth } = line;
  const { activity, repeats } = node;
  const isParent = node.children.length > 0;
  const indent = depth * context.step;
  const isAside = context.critical !== null && !isCritical(node, context.critical);
  // Levels that have no room show their number.
  const level = indent > context.room ? depth : null;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree handles the keys
    // biome-ignore lint/a11y/noStaticElementInteractions: a tree item, or a copy of one for the mouse
    <div
      id={pinned ? undefined : rowId(node)}
      class={`fall-row ${isAside ? "fall-aside" : ""} ${current ? "fall-current" : ""} ${pinned ? "fall-pinned" : ""}`}
      {...(pinned
        ? { "aria-hidden": true }
        : {
            role: "treeitem",
            "aria-level": depth + 1,
            "aria-selected": selected,
            "aria-expanded": isParent ? !folded : undefined,
          })}
      onClick={() => context.onSelect(node)}
      onDblClick={() => context.onZoom(node)}
    >
      <span class="fall-name" style={{ paddingLeft: `${Math.min(indent, context.room)}px` }}>
        {isParent ? (
          <span
            class={`fold ${folded ? "folded" : ""}`}
            aria-hidden="true"
            onClick={(event) => {
              event.stopPropagation();
              context.onFold(node);
            }}
            onDblClick={(event) => event.stopPropagation()}
          />
        ) : (
          <span class="fold-none" />
        )}
        {level !== null && (
          <span class="fall-level num" title={`Level ${depth}`} aria-hidden="true">
            {level}
          </span>
        )}
        <StatusMark status={statusOf(node)} />
        <span class="fall-text" title={activity.name.length > 30 ? activity.name : undefined}>
          <Name text={activity.name} />
        </span>
        {repeats !== null && (
          <span class="fall-times num">
            × {count(node.children.length)}
            {repeats.failed > 0 && <span class="bad">, {count(repeats.failed)} failed</span>}
            {repeats.running > 0 && <span>, {count(repeats.running)} running</span>}
          </span>
        )}
      </span>
      <span class="fall-track">
        {repeats === null ? (
          <Bar node={node} kind={activity.status} context={context} />
        ) : (
          <>
            <Bar node={node} kind="repeats" context={context} />
            {node.children
              .filter((child) => child.activity.status === "failed")
              .slice(0, MAX_MARKED)
              .map((child) => (
                <Bar key={child.id} node={child} kind="failed" context={context} />
              ))}
          </>
        )}
      </span>
      <span class="fall-took num">
        {repeats !== null ? (
          `p95 ${duration(repeats.p95)}`
        ) : context.self ? (
          duration(selfTime(node, context.now, context.origin))
        ) : (
          <Took activity={activity} />
        )}
      </span>
    </div>
  );
}

function isCritical(node: Node, critical: ReadonlySet<string>): boolean {
  return critical.has(node.id) || (node.repeats !== null && node.children.some(({ id }) => critical.has(id)));
}

export function rowId(node: Node): string {
  return `line-${node.id.replace(" ", "-")}`;
}

/** The part of a bar that is in the time range shown. */
function Bar({ node, kind, context }: { node: Node; kind: string; context: RowContext }) {
  const [start, end] = extent(node, context.now, context.origin);
  const [left, right] = [start, end].map((at) =>
    Math.min(1, Math.max(0, (at - context.from) / (context.until - context.from))),
  ) as [number, number];
  if (end < context.from || start > context.until) {
    return null;
  }
  return (
    <span
      class={`fall-bar fall-${kind}`}
      style={{ left: `min(${100 * left}%, 100% - 3px)`, width: `max(3px, ${100 * (right - left)}%)` }}
    />
  );
}

/** Returns the start and the end of an activity or a group, in milliseconds since `origin`. */
export function extent(node: Node, now: number, origin: number): [number, number] {
  const all = node.repeats === null ? [node] : node.children;
  const from = startOf(node.activity, origin);
  const ends = all.map((one) => startOf(one.activity, origin) + length(one.activity, now));
  return [from, ends.reduce((latest, end) => Math.max(latest, end), from)];
}

function statusOf(node: Node): Node["activity"]["status"] {
  if (node.repeats === null) {
    return node.activity.status;
  }
  return node.repeats.failed > 0 ? "failed" : node.repeats.running > 0 ? "running" : "success";
}
