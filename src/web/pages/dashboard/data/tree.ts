// The tree of an activity as rows, one below the other.

import type { Activity } from "./records";

export interface Node {
  activity: Activity;
  children: Node[];
}

/** A node where it stands. */
export interface Line {
  node: Node;
  depth: number;
}

/** What has no parent among these is a root. Given in order of start, and children keep it. */
export function forest(activities: readonly Activity[]): Node[] {
  const nodes = new Map(activities.map((activity) => [activity.id, { activity, children: [] } as Node]));
  const roots: Node[] = [];
  for (const node of nodes.values()) {
    const parent = node.activity.parent === null ? undefined : nodes.get(node.activity.parent);
    (parent?.children ?? roots).push(node);
  }
  return roots;
}

/** The lines that are to be seen: without what is below a collapsed one. */
export function lines(roots: readonly Node[], collapsed: ReadonlySet<string>): Line[] {
  const seen: Line[] = [];
  // Not by recursion: a tree may be deeper than a stack.
  const left: Line[] = roots.map((node) => ({ node, depth: 0 })).reverse();
  for (let line = left.pop(); line !== undefined; line = left.pop()) {
    seen.push(line);
    if (!collapsed.has(line.node.activity.id)) {
      for (let n = line.node.children.length - 1; n >= 0; n -= 1) {
        const node = line.node.children[n];
        if (node !== undefined) {
          left.push({ node, depth: line.depth + 1 });
        }
      }
    }
  }
  return seen;
}

/** Those that pass, and whatever they stand below of. */
export function pruned(roots: readonly Node[], passes: (activity: Activity) => boolean): Node[] {
  const all = lines(roots, new Set());
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

/** When the first began and the last ended, in milliseconds; what has not ended lasts until now. */
export function span(activities: readonly Activity[], now: number): [number, number] {
  let [from, until] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const activity of activities) {
    const start = Date.parse(activity.started_at);
    from = Math.min(from, start);
    until = Math.max(until, start + length(activity, now));
  }
  return [from, Math.max(until, from + 1e-6)];
}

/** How long an activity lasted, in milliseconds. */
export function length(activity: Activity, now: number): number {
  if (activity.duration_ns !== null) {
    return activity.duration_ns / 1e6;
  }
  return activity.status === "running" ? Math.max(0, now - Date.parse(activity.started_at)) : 0;
}
