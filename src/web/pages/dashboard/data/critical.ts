// What took the time of a tree: the critical path, and the time of each activity without those inside it.

import { length, type Node, startOf } from "./tree";

/** Start and end, in milliseconds since `origin`. */
type Extent = readonly [start: number, end: number];

function extentOf(node: Node, now: number, origin: number): Extent {
  const start = startOf(node.activity, origin);
  return [start, start + length(node.activity, now)];
}

/**
 * Returns the IDs on the critical path of trees without groups: going back from the end of an activity, the one inside it that
 * ended last, then the one that ended last before this one started, and so on. To shorten any other one saves no time.
 */
export function criticalPath(roots: readonly Node[], now: number, origin: number): ReadonlySet<string> {
  const found = new Set<string>();
  const left: { node: Node; until: number }[] = roots.map((node) => ({
    node,
    until: Number.POSITIVE_INFINITY,
  }));
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { node } = next;
    found.add(node.id);
    // What outlived an activity counts until its end.
    const limit = Math.min(extentOf(node, now, origin)[1], next.until);
    const inside = node.children.map((child) => {
      const [from, to] = extentOf(child, now, origin);
      return { child, from, to: Math.min(to, limit) };
    });
    let at = limit;
    for (const { child, from, to } of inside.sort((one, other) => other.to - one.to)) {
      if (to <= at && from < at) {
        left.push({ node: child, until: to });
        at = from;
      }
    }
  }
  return found;
}

/** Returns the nanoseconds in which nothing inside an activity ran. */
export function selfTime(node: Node, now: number, origin: number): number {
  const [start, end] = extentOf(node, now, origin);
  const inside = node.children
    .flatMap((child) => (child.repeats === null ? [child] : child.children))
    .map((child) => extentOf(child, now, origin))
    .sort((a, b) => a[0] - b[0]);
  let [at, own] = [start, 0];
  for (const [from, to] of inside) {
    own += Math.max(0, Math.min(from, end) - at);
    at = Math.max(at, Math.min(to, end));
  }
  return Math.max(0, Math.round(1e6 * (own + end - at)));
}
