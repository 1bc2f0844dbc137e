import { expect, test } from "vitest";
import { merged, type Row } from "../data/feed";
import type { Activity } from "../data/records";
import { forest, lines, pruned, span } from "../data/tree";

function activity(id: string, parent: string | null, more: Partial<Activity> = {}): Activity {
  const started = { started_at: "2026-01-01T00:00:00Z", duration_ns: 1_000_000, status: "success" };
  return { id, parent, ...started, ...more } as Activity;
}

const small = [
  activity("a", null),
  activity("b", "a"),
  activity("c", "b"),
  activity("d", "a"),
  activity("e", "gone"),
];
const names = (roots: ReturnType<typeof forest>, collapsed: string[] = []) =>
  lines(roots, new Set(collapsed)).map((line) => `${line.depth}${line.node.activity.id}`);

test("a tree is shown line by line, and what lost its parent stands by itself", () => {
  expect(names(forest(small))).toEqual(["0a", "1b", "2c", "1d", "0e"]);
  expect(names(forest(small), ["b"])).toEqual(["0a", "1b", "1d", "0e"]);
});

test("of a pruned tree what passes is left, with what it stands below of", () => {
  expect(names(pruned(forest(small), (one) => one.id === "c"))).toEqual(["0a", "1b", "2c"]);
});

test("a tree as deep as it is long is no trouble", () => {
  const chain = Array.from({ length: 50_000 }, (_, n) => activity(`${n}`, n === 0 ? null : `${n - 1}`));
  expect(lines(forest(chain), new Set())).toHaveLength(50_000);
  expect(pruned(forest(chain), (one) => one.id === "49999")).toHaveLength(1);
});

test("what runs lasts until now", () => {
  const now = Date.parse("2026-01-01T00:00:10Z");
  const running = activity("a", null, { status: "running", duration_ns: null });
  expect(span([running], now)).toEqual([now - 10_000, now]);
  const abandoned = activity("a", null, { status: "abandoned", duration_ns: null });
  expect(span([abandoned], now)[1]).toBeLessThan(now);
});

test("what has just happened takes its place in a list, once", () => {
  const rows = [{ id: "9" }, { id: "5" }, { id: "1" }];
  const ids = (one: string) => merged(rows, { id: one }).map((row) => row.id);
  expect(ids("7")).toEqual(["9", "7", "5", "1"]);
  expect(ids("5")).toEqual(["9", "5", "1"]);
  expect(ids("95")).toEqual(["95", "9", "5", "1"]);
  expect(ids("0")).toEqual(["9", "5", "1", "0"]);
});

test("what has ended is not made to run again by an answer that was late", () => {
  const ended: Row = { id: "5", seq: 3 };
  expect(merged([ended], { id: "5", seq: null })).toEqual([ended]);
  expect(merged([{ id: "5", seq: null }], ended)).toEqual([ended]);
});
