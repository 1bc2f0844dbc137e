// The tree of an activity as a list of rows.

import type { ActivityRecord } from "./records";

export interface Node {
  /** The ID of its activity, or that of a group. */
  id: string;
  /** The first one of a group. */
  activity: ActivityRecord;
  children: Node[];
  /** If it is a group of activities with the same parent, name and kind, which are its children. */
  repeats: Repeats | null;
}

/** What a folded group of activities shows. */
export interface Repeats {
  failed: number;
  running: number;
  /** 95th percentile of their durations in nanoseconds. */
  p95: number | null;
}

/** A row: a node with its depth. */
export interface TreeRow {
  node: Node;
  depth: number;
  /** The number of the parent's row; -1 for a root. */
  parent: number;
}

/** So many activities with the same parent, name and kind are folded into a group. */
const REPEATED = 6;

/** Builds the trees. Activities whose parent is not among them are roots; children keep the given order. */
export function buildForest(activities: readonly ActivityRecord[]): Node[] {
  const nodes = new Map(
    activities.map((activity) => [
      activity.id,
      { id: activity.id, activity, children: [], repeats: null } as Node,
    ]),
  );
  const roots: Node[] = [];
  for (const node of nodes.values()) {
    const parent = node.activity.parent === null ? undefined : nodes.get(node.activity.parent);
    (parent?.children ?? roots).push(node);
  }
  return roots;
}

/** Folds activities that repeat below the same parent into groups, each in place of its first one. Changes the nodes. */
export function foldRepeats(roots: readonly Node[]): void {
  const left = [...roots];
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    left.push(...node.children);
    if (node.children.length < REPEATED) {
      continue;
    }
    const groups = new Map<string, Node[]>();
    for (const child of node.children) {
      const key = JSON.stringify([child.activity.kind, child.activity.name]);
      const group = groups.get(key);
      if (group === undefined) {
        groups.set(key, [child]);
      } else {
        group.push(child);
      }
    }
    node.children = [...groups.values()].flatMap((group) =>
      group.length < REPEATED ? group : [groupOf(group)],
    );
    // Those that do not repeat stay in order of start.
    node.children.sort((a, b) => (a.activity.id < b.activity.id ? -1 : 1));
  }
}

function groupOf(nodes: Node[]): Node {
  const first = (nodes[0] as Node).activity;
  const of = (status: string) => nodes.filter((node) => node.activity.status === status).length;
  const took = nodes.flatMap((node) => node.activity.duration_ns ?? []).sort((a, b) => a - b);
  return {
    id: `${first.id} repeats`,
    activity: first,
    children: nodes,
    repeats: {
      failed: of("failed"),
      running: of("running"),
      p95: took[Math.ceil(0.95 * took.length) - 1] ?? null,
    },
  };
}

/** Returns the rows that are not below a folded one. */
export function visibleRows(roots: readonly Node[], isFolded: (node: Node) => boolean): TreeRow[] {
  const seen: TreeRow[] = [];
  // Iterative, because a tree may be deeper than the call stack.
  const left: TreeRow[] = roots.map((node) => ({ node, depth: 0, parent: -1 })).reverse();
  for (let row = left.pop(); row !== undefined; row = left.pop()) {
    const parent = seen.push(row) - 1;
    if (!isFolded(row.node)) {
      for (let n = row.node.children.length - 1; n >= 0; n -= 1) {
        const node = row.node.children[n];
        if (node !== undefined) {
          left.push({ node, depth: row.depth + 1, parent });
        }
      }
    }
  }
  return seen;
}

/** Keeps the nodes that pass, and their ancestors. */
export function filterForest(roots: readonly Node[], passes: (activity: ActivityRecord) => boolean): Node[] {
  const all = visibleRows(roots, () => false);
  const kept = new Map<Node, Node>();
  // Children come after their parents.
  for (const { node } of all.reverse()) {
    const children = node.children.flatMap((child) => kept.get(child) ?? []);
    if (children.length > 0 || passes(node.activity)) {
      kept.set(node, { ...node, children });
    }
  }
  return roots.flatMap((root) => kept.get(root) ?? []);
}

/** Returns the IDs of the nodes around a node, the nearest first; `null` if it is not in the trees. */
export function ancestors(roots: readonly Node[], id: string): string[] | null {
  const all = visibleRows(roots, () => false);
  const at = all.findIndex((row) => row.node.id === id);
  if (at < 0) {
    return null;
  }
  const found: string[] = [];
  for (let row = all[all[at]?.parent ?? -1]; row !== undefined; row = all[row.parent]) {
    found.push(row.node.id);
  }
  return found;
}

/**
 * Returns the parents to keep above the rows from number `first` on, up to `most`, outermost first. Those that are kept cover
 * rows: they are the parents of the first row below them.
 */
export function pinnedRows(shown: readonly TreeRow[], first: number, most: number): TreeRow[] {
  for (let n = most; n > 0; n -= 1) {
    const found: TreeRow[] = [];
    for (let row = shown[shown[first + n]?.parent ?? -1]; row !== undefined; row = shown[row.parent]) {
      found.unshift(row);
    }
    if (found.length >= n) {
      return found.slice(-n);
    }
  }
  return [];
}

/** Returns the IDs of the nodes to fold so that the roots and `open` show only what is directly below them. */
export function parentsBelow(roots: readonly Node[], open: string): ReadonlySet<string> {
  const rows = visibleRows(roots, () => false);
  const nodes = rows.filter(
    ({ node, depth }) => depth > 0 && node.repeats === null && node.children.length > 0 && node.id !== open,
  );
  return new Set(nodes.map(({ node }) => node.id));
}

/**
 * Returns the earliest start and the latest end in milliseconds since `origin`; running activities end now. A number of
 * milliseconds since 1970 has no room for nanoseconds.
 */
export function timeRange(
  activities: readonly ActivityRecord[],
  now: number,
  origin: number,
): [number, number] {
  let [from, until] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const activity of activities) {
    const start = startOf(activity, origin);
    from = Math.min(from, start);
    until = Math.max(until, start + length(activity, now));
  }
  return [from, Math.max(until, from + 1e-6)];
}

/** Returns the start in milliseconds since `origin`, to the microsecond: `Date` drops what is less than a millisecond. */
export function startOf(activity: ActivityRecord, origin: number): number {
  const fraction = /\.\d{3}(\d{1,3})/.exec(activity.started_at)?.[1] ?? "0";
  return Date.parse(activity.started_at) - origin + Number(fraction.padEnd(3, "0")) / 1_000;
}

/** Returns the duration in milliseconds. */
export function length(activity: ActivityRecord, now: number): number {
  if (activity.duration_ns !== null) {
    return activity.duration_ns / 1e6;
  }
  return activity.status === "running" ? Math.max(0, now - Date.parse(activity.started_at)) : 0;
}
