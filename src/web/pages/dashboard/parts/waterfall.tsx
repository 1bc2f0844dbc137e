import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { count, duration } from "../data/format";
import { buildForest, filterForest, length, type TreeRow, timeRange, visibleRows } from "../data/tree";
import type { TreeFeed } from "../data/treefeed";
import { StatusMark } from "./badge";
import { LoadError } from "./states";
import { Took, useNow } from "./time";

const ROW = 28;
/** Rows to render above and below the visible ones, so that scrolling shows no gaps. */
const OVERSCAN = 8;
const MAX_HEIGHT = 560;

/** The next page is loaded when fewer rows than this are left below. */
const PREFETCH = 100;

interface Shown {
  feed: TreeFeed;
  /** Number of failed activities in the whole tree. */
  failed: number;
  /** The activity that the page shows. */
  current: string;
  selected: string;
  onSelect: (id: string) => void;
}

/** The tree of an activity as a waterfall. Only visible rows are in the document. */
export function Waterfall({ feed, failed, current, selected, onSelect }: Shown) {
  const { tree, total, problem, loading, more } = feed;
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(new Set());
  const [failedOnly, setFailedOnly] = useState(false);
  const [top, setTop] = useState(0);
  const frame = useRef<HTMLDivElement>(null);
  const running = useMemo(() => tree.some((one) => one.status === "running"), [tree]);
  const now = useNow(running);
  const roots = useMemo(() => {
    const all = buildForest(tree);
    return failedOnly ? filterForest(all, (one) => one.status === "failed") : all;
  }, [tree, failedOnly]);
  const shown = useMemo(() => visibleRows(roots, collapsed), [roots, collapsed]);
  const [from, until] = useMemo(() => timeRange(tree, now), [tree, running ? now : 0]);
  // Rows that are not loaded yet take up space below.
  const missing = Math.max(0, total - tree.length);
  const rows = shown.length + missing;
  const height = Math.min(MAX_HEIGHT, Math.max(1, rows) * ROW);
  const first = Math.max(0, Math.floor(top / ROW) - OVERSCAN);
  const visible = shown.slice(first, first + Math.ceil(height / ROW) + 2 * OVERSCAN);
  const at = shown.findIndex((line) => line.node.activity.id === selected);

  const last = tree.at(-1);
  const wanted =
    failedOnly ||
    (top + height) / ROW + PREFETCH > shown.length ||
    // IDs sort by start.
    (at < 0 && last !== undefined && last.id < selected);
  useEffect(() => {
    if (wanted && missing > 0 && !loading) {
      more();
    }
  }, [wanted, missing, loading, more]);

  // Scrolls the selected row into view.
  useEffect(() => {
    const element = frame.current;
    if (element === null || at < 0) {
      return;
    }
    if (at * ROW < element.scrollTop) {
      element.scrollTop = at * ROW;
    } else if ((at + 1) * ROW > element.scrollTop + height) {
      element.scrollTop = (at + 1) * ROW - height;
    }
  }, [at, height]);

  const fold = (id: string, folded: boolean) => {
    const next = new Set(collapsed);
    if (folded) {
      next.add(id);
    } else {
      next.delete(id);
    }
    setCollapsed(next);
  };
  const keyed = (event: KeyboardEvent) => {
    const line = shown[at];
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      j: 1,
      k: -1,
      PageDown: 15,
      PageUp: -15,
    };
    const step = steps[event.key];
    if (step !== undefined) {
      const next = shown[Math.min(shown.length - 1, Math.max(0, at + step))];
      if (next !== undefined) {
        onSelect(next.node.activity.id);
      }
    } else if (line !== undefined && event.key === "ArrowLeft") {
      fold(line.node.activity.id, true);
    } else if (line !== undefined && event.key === "ArrowRight") {
      fold(line.node.activity.id, false);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <section class="panel" aria-labelledby="tree">
      <div class="panel-head">
        <h2 id="tree">
          Tree{" "}
          <span class="dim">
            {total === 1 ? "no child activities" : total > 1 && `${count(total)} activities`}
          </span>
        </h2>
        <div class="tools">
          {failed > 0 && (
            <button
              type="button"
              class="button"
              aria-pressed={failedOnly}
              onClick={() => setFailedOnly(!failedOnly)}
            >
              Failed only ({count(failed)})
            </button>
          )}
          {tree.length > 1 && (
            <button
              type="button"
              class="button"
              onClick={() =>
                setCollapsed(
                  collapsed.size > 0
                    ? new Set()
                    : new Set(
                        tree.filter((one) => one.parent !== null && one.id !== current).map((one) => one.id),
                      ),
                )
              }
            >
              {collapsed.size > 0 ? "Expand all" : "Collapse all"}
            </button>
          )}
        </div>
      </div>
      <div class="fall-head" aria-hidden="true">
        <span />
        <span class="fall-axis">
          {[0, 0.25, 0.5, 0.75, 1].map((part) => (
            <span key={part} style={{ left: `${100 * part}%` }}>
              {duration(Math.round((until - from) * part * 1e6)).replace(/^0 ns$/, "0")}
            </span>
          ))}
        </span>
        <span />
      </div>
      <div
        ref={frame}
        class="fall"
        role="tree"
        aria-label="Activities by start time, with durations"
        tabIndex={0}
        aria-activedescendant={at >= 0 ? `line-${selected}` : undefined}
        style={{ height: `${height}px` }}
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
        onKeyDown={keyed}
      >
        <div role="presentation" style={{ height: `${rows * ROW}px` }}>
          <div role="presentation" style={{ transform: `translateY(${first * ROW}px)` }}>
            {visible.map((line) => (
              <Row
                key={line.node.activity.id}
                line={line}
                current={line.node.activity.id === current}
                selected={line.node.activity.id === selected}
                folded={collapsed.has(line.node.activity.id)}
                left={(Date.parse(line.node.activity.started_at) - from) / (until - from)}
                width={length(line.node.activity, now) / (until - from)}
                onSelect={onSelect}
                onFold={fold}
              />
            ))}
          </div>
        </div>
      </div>
      {problem !== null && (
        <LoadError
          what={tree.length === 0 ? "the tree" : "the rest of the tree"}
          problem={problem}
          retry={feed.reload}
        />
      )}
      {problem === null && missing > 0 && (
        <p class="dim quiet" role="status">
          Showing {count(tree.length)} of {count(total)}
          {loading ? " – loading more…" : " – scroll for more"}
        </p>
      )}
    </section>
  );
}

interface RowOf {
  line: TreeRow;
  current: boolean;
  selected: boolean;
  folded: boolean;
  left: number;
  width: number;
  onSelect: (id: string) => void;
  onFold: (id: string, folded: boolean) => void;
}

function Row({ line, current, selected, folded, left, width, onSelect, onFold }: RowOf) {
  const { activity, children } = line.node;
  const parent = children.length > 0;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree handles the keys
    <div
      id={`line-${activity.id}`}
      class={`fall-row ${current ? "fall-current" : ""}`}
      role="treeitem"
      aria-level={line.depth + 1}
      aria-selected={selected}
      aria-expanded={parent ? !folded : undefined}
      onClick={() => onSelect(activity.id)}
    >
      <span class="fall-name" style={{ paddingLeft: `${Math.min(line.depth, 12) * 14}px` }}>
        {parent ? (
          <span
            class={`fold ${folded ? "folded" : ""}`}
            aria-hidden="true"
            onClick={(event) => {
              event.stopPropagation();
              onFold(activity.id, !folded);
            }}
          />
        ) : (
          <span class="fold-none" />
        )}
        <StatusMark status={activity.status} />
        <span class="fall-text">{activity.name}</span>
      </span>
      <span class="fall-track">
        <span
          class={`fall-bar fall-${activity.status}`}
          style={{ left: `${100 * left}%`, width: `max(3px, ${100 * width}%)` }}
        />
      </span>
      <span class="fall-took">
        <Took activity={activity} />
      </span>
    </div>
  );
}
