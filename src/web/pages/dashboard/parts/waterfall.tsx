import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { criticalPath } from "../data/critical";
import { count } from "../data/format";
import { durationTicks, roundDuration } from "../data/ticks";
import {
  ancestors,
  buildForest,
  filterForest,
  foldRepeats,
  type Node,
  parentsBelow,
  pinnedRows,
  timeRange,
  visibleRows,
} from "../data/tree";
import type { TreeFeed } from "../data/treefeed";
import { LoadError } from "./states";
import { useNow } from "./time";
import { extent, Row, type RowContext, rowId } from "./waterfallrow";

const ROW = 28;
/** Rows to render above and below the visible ones, so that scrolling shows no gaps. */
const OVERSCAN = 8;
const MAX_HEIGHT = 560;
/** The next page is loaded when fewer rows than this are left below. */
const PREFETCH = 100;
/** Parents that stay in view above their children. */
const MAX_PINNED = 3;
/** Indentation of a level, and what a row has beside its indentation: marks, and enough of its name to be read. */
const INDENT = 14;
const MIN_INDENT = 3;
const MIN_NAME = 150;
/** Width of a label on the axis. */
const TICK = 72;

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
  /** Nodes that are not as they are by default: groups are folded, others are not. */
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set());
  const [failedOnly, setFailedOnly] = useState(false);
  const [isCritical, setCritical] = useState(false);
  const [self, setSelf] = useState(false);
  const [zoom, setZoom] = useState<readonly [number, number] | null>(null);
  /** The group that the keyboard is at: groups cannot be selected. */
  const [group, setGroup] = useState<string | null>(null);
  const [top, setTop] = useState(0);
  const frame = useRef<HTMLDivElement>(null);
  const head = useRef<HTMLDivElement>(null);
  const [nameWidth, axisWidth] = useColumns(head);
  const running = useMemo(() => tree.some((one) => one.status === "running"), [tree]);
  const now = useNow(running);
  const origin = Date.parse(tree[0]?.started_at ?? "") || 0;
  const critical = useMemo(
    () => (isCritical ? criticalPath(buildForest(tree), now, origin) : null),
    [isCritical, tree, running ? now : 0],
  );
  const roots = useMemo(() => {
    const all = buildForest(tree);
    if (failedOnly) {
      return filterForest(all, (one) => one.status === "failed");
    }
    foldRepeats(all);
    return all;
  }, [tree, failedOnly]);
  const isFolded = (node: Node) => toggled.has(node.id) !== (node.repeats !== null);
  const shown = useMemo(() => visibleRows(roots, isFolded), [roots, toggled]);
  const [first, last] = useMemo(() => timeRange(tree, now, origin), [tree, running ? now : 0]);
  const [from, until] = zoom ?? [first, last];
  const missing = Math.max(0, total - tree.length);
  const height = Math.min(MAX_HEIGHT, Math.max(1, shown.length) * ROW);
  const start = Math.max(0, Math.floor(top / ROW) - OVERSCAN);
  const visible = shown.slice(start, start + Math.ceil(height / ROW) + 2 * OVERSCAN);
  const cursor = group ?? selected;
  const at = shown.findIndex((line) => line.node.id === cursor);
  const isLoaded = useMemo(() => tree.some((one) => one.id === selected), [tree, selected]);

  const final = tree.at(-1);
  const wanted =
    failedOnly ||
    isCritical ||
    self ||
    (top + height) / ROW + PREFETCH > shown.length ||
    // IDs sort by start.
    (!isLoaded && final !== undefined && final.id < selected);
  useEffect(() => {
    if (wanted && missing > 0 && !loading) {
      more();
    }
  }, [wanted, missing, loading, more]);

  // A step that is selected elsewhere is unfolded, once.
  const revealed = useRef("");
  useLayoutEffect(() => {
    if (revealed.current === selected || !isLoaded) {
      return;
    }
    revealed.current = selected;
    setGroup(null);
    const around = new Set(ancestors(roots, selected));
    const folded = visibleRows(roots, () => false).filter(
      ({ node }) => around.has(node.id) && isFolded(node),
    );
    if (folded.length > 0) {
      setToggled(flipped(toggled, ...folded.map(({ node }) => node.id)));
    }
  }, [selected, isLoaded, roots]);

  // Scrolls to the cursor: a step to the next row scrolls as little as needed, a jump to the middle.
  useLayoutEffect(() => {
    const element = frame.current;
    if (element === null || at < 0) {
      return;
    }
    const [above, below] = [at * ROW - MAX_PINNED * ROW, (at + 1) * ROW - height];
    const isFar = above < element.scrollTop - 3 * ROW || below > element.scrollTop + 3 * ROW;
    if (isFar) {
      element.scrollTop = at * ROW - (height - ROW) / 2;
    } else if (above < element.scrollTop) {
      element.scrollTop = above;
    } else if (below > element.scrollTop) {
      element.scrollTop = below;
    }
  }, [at, height]);

  const fold = (node: Node) => setToggled(flipped(toggled, node.id));
  const move = (node: Node) => {
    if (node.repeats !== null) {
      setGroup(node.id);
    } else {
      setGroup(null);
      revealed.current = node.id;
      onSelect(node.id);
    }
  };
  const choose = (node: Node) => {
    if (node.repeats !== null) {
      fold(node);
    }
    move(node);
  };
  const zoomTo = (node: Node | undefined) => {
    const range = node === undefined ? null : extent(node, now, origin);
    setZoom(range === null || range[1] - range[0] < 1e-6 ? null : range);
  };
  const isZoomable = at >= 0 && (shown[at]?.depth ?? 0) > 0;
  const keyed = (event: KeyboardEvent) => {
    const line = shown[at];
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      j: 1,
      k: -1,
      PageDown: 15,
      PageUp: -15,
      Home: -shown.length,
      End: shown.length,
    };
    const step = steps[event.key];
    const held = event.metaKey || event.ctrlKey || event.altKey;
    if (held) {
      return;
    }
    if (step !== undefined) {
      const next = shown[Math.min(shown.length - 1, Math.max(0, at + step))];
      if (next !== undefined) {
        move(next.node);
      }
    } else if (line !== undefined && event.key === "ArrowLeft") {
      const above = shown[line.parent];
      if (line.node.children.length > 0 && !isFolded(line.node)) {
        fold(line.node);
      } else if (above !== undefined) {
        move(above.node);
      }
    } else if (line !== undefined && event.key === "ArrowRight") {
      if (line.node.children.length > 0 && isFolded(line.node)) {
        fold(line.node);
      }
    } else if (event.key === "z") {
      zoomTo(zoom === null && isZoomable ? line?.node : undefined);
    } else if (event.key === "Enter" && line?.node.repeats) {
      fold(line.node);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  const depth = useMemo(() => shown.reduce((most, line) => Math.max(most, line.depth), 1), [shown]);
  const room = Math.max(INDENT, nameWidth - MIN_NAME);
  const context: RowContext = {
    from,
    until,
    origin,
    now,
    step: Math.min(INDENT, Math.max(MIN_INDENT, room / depth)),
    room,
    critical,
    self: self && !failedOnly,
    onSelect: choose,
    onFold: fold,
    onZoom: (node) => node.repeats === null && zoomTo(node),
  };
  const span = (until - from) * 1e6;
  const ticks = durationTicks(span, Math.max(2, Math.floor(axisWidth / TICK)));
  const pinned = top > 0 ? pinnedRows(shown, Math.floor(top / ROW), MAX_PINNED) : [];
  const foldable = tree.length > 1;
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
          {(isZoomable || zoom !== null) && (
            <button
              type="button"
              class="button"
              title="Key: Z. A double click on a row zooms, too"
              onClick={() => zoomTo(zoom === null ? shown[at]?.node : undefined)}
            >
              {zoom === null ? "Zoom to step" : "Reset zoom"}
            </button>
          )}
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
          {foldable && (
            <>
              <button
                type="button"
                class="button"
                aria-pressed={isCritical}
                title="What took the time: to shorten any other step saves none"
                onClick={() => setCritical(!isCritical)}
              >
                Critical path
              </button>
              <button
                type="button"
                class="button"
                aria-pressed={self}
                title="Durations without the time of the steps inside"
                disabled={failedOnly}
                onClick={() => setSelf(!self)}
              >
                Self time
              </button>
            </>
          )}
          {foldable && (
            <button
              type="button"
              class="button"
              onClick={() => setToggled(toggled.size > 0 ? new Set() : parentsBelow(roots, current))}
            >
              {toggled.size > 0 ? "Reset folding" : "Collapse all"}
            </button>
          )}
        </div>
      </div>
      <div class="fall-head" aria-hidden="true" ref={head}>
        <span />
        <span class="fall-axis">
          {ticks.map((tick) => (
            <span key={tick} style={{ left: `${(100 * tick) / span}%` }}>
              {roundDuration(tick)}
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
        aria-activedescendant={at >= 0 && shown[at] ? rowId(shown[at].node) : undefined}
        style={{ height: `${height}px`, "--tick": `${(100 * (ticks[1] ?? span)) / span}%` }}
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
        onKeyDown={keyed}
      >
        <div class="fall-pins" role="presentation">
          {pinned.map((line) => (
            <Row key={line.node.id} line={line} context={context} folded={false} pinned />
          ))}
        </div>
        <div role="presentation" style={{ height: `${shown.length * ROW}px` }}>
          <div role="presentation" style={{ transform: `translateY(${start * ROW}px)` }}>
            {visible.map((line) => (
              <Row
                key={line.node.id}
                line={line}
                context={context}
                folded={isFolded(line.node)}
                current={line.node.id === current}
                selected={line.node.id === cursor}
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

function flipped(set: ReadonlySet<string>, ...ids: string[]): ReadonlySet<string> {
  const next = new Set(set);
  for (const id of ids) {
    if (!next.delete(id)) {
      next.add(id);
    }
  }
  return next;
}

/** The widths of the first two columns. */
function useColumns(head: { current: HTMLDivElement | null }): [number, number] {
  const [widths, setWidths] = useState<[number, number]>([360, 360]);
  useLayoutEffect(() => {
    const columns = [...(head.current?.children ?? [])];
    const measure = () =>
      setWidths([columns[0]?.clientWidth ?? 0, columns[1]?.clientWidth ?? 0] as [number, number]);
    const observer = new ResizeObserver(measure);
    columns.slice(0, 2).forEach((column) => {
      observer.observe(column);
    });
    return () => observer.disconnect();
  }, [head]);
  return widths;
}
