// The tree of an activity as a list of rows.

import type { ActivityRecord } from "./records";

export interface Node {
  activity: ActivityRecord;
  children: Node[];
}

/** A row: a node with its depth. */
export interface TreeRow {
  node: Node;
  depth: number;
}

/** Builds the trees. Activities whose parent is not among them are roots; children keep the given order. */
export function buildForest(activities: readonly ActivityRecord[]): Node[] {
  const nodes = new Map(activities.map((activity) => [activity.id, { activity, children: [] } as Node]));
  const roots: Node[] = [];
  for (const node of nodes.values()) {
    const parent = node.activity.parent === null ? undefined : nodes.get(node.activity.parent);
    (parent?.children ?? roots).push(node);
  }
  return roots;
}

/** Returns the rows that are not below a collapsed one. */
export function visibleRows(roots: readonly Node[], collapsed: ReadonlySet<string>): TreeRow[] {
  const seen: TreeRow[] = [];
  // Iterative, because a tree may be deeper than the call stack.
  const left: TreeRow[] = roots.map((node) => ({ node, depth: 0 })).reverse();
  for (let row = left.pop(); row !== undefined; row = left.pop()) {
    seen.push(row);
    if (!collapsed.has(row.node.activity.id)) {
      for (let n = row.node.children.length - 1; n >= 0; n -= 1) {
        const node = row.node.children[n];
        if (node !== undefined) {
          left.push({ node, depth: row.depth + 1 });
        }
      }
    }
  }
  return seen;
}

/** Keeps the nodes that pass, and their ancestors. */
export function filterForest(roots: readonly Node[], passes: (activity: ActivityRecord) => boolean): Node[] {
  const all = visibleRows(roots, new Set());
  const kept = new Map<Node, Node>();
  // Children come after their parents.
  for (const { node } of all.reverse()) {
    const children = node.children.flatMap((child) => kept.get(child) ?? []);
    if (children.length > 0 || passes(node.activity)) {
      kept.set(node, { activity: node.activity, children });
    }
  }
  return roots.flatMap((root) => kept.get(root) ?? []);
}

/** Returns the earliest start and the latest end in milliseconds; running activities end now. */
export function timeRange(activities: readonly ActivityRecord[], now: number): [number, number] {
  let [from, until] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const activity of activities) {
    const start = Date.parse(activity.started_at);
    from = Math.min(from, start);
    until = Math.max(until, start + length(activity, now));
  }
  return [from, Math.max(until, from + 1e-6)];
}

/** Returns the duration in milliseconds. */
export function length(activity: ActivityRecord, now: number): number {
  if (activity.duration_ns !== null) {
    return activity.duration_ns / 1e6;
  }
  return activity.status === "running" ? Math.max(0, now - Date.parse(activity.started_at)) : 0;
}
