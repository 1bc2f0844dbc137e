import { expect, test } from "vitest";
import { merged, type Row } from "../data/feed";
import type { ActivityRecord } from "../data/records";
import {
  ancestors,
  buildForest,
  filterForest,
  foldRepeats,
  parentsBelow,
  pinnedRows,
  startOf,
  timeRange,
  visibleRows,
} from "../data/tree";

function activity(id: string, parent: string | null, more: Partial<ActivityRecord> = {}): ActivityRecord {
  const started = { started_at: "2026-01-01T00:00:00Z", duration_ns: 1_000_000, status: "success" };
  return { id, parent, ...started, ...more } as ActivityRecord;
}

const small = [
  activity("a", null),
  activity("b", "a"),
  activity("c", "b"),
  activity("d", "a"),
  activity("e", "gone"),
];
const names = (roots: ReturnType<typeof buildForest>, collapsed: string[] = []) =>
  visibleRows(roots, (node) => collapsed.includes(node.id)).map(
    (line) => `${line.depth}${line.node.activity.id}`,
  );

test("a tree is listed row by row, and an orphan is a root", () => {
  expect(names(buildForest(small))).toEqual(["0a", "1b", "2c", "1d", "0e"]);
  expect(names(buildForest(small), ["b"])).toEqual(["0a", "1b", "1d", "0e"]);
});

test("a filtered tree keeps matches and their ancestors", () => {
  expect(names(filterForest(buildForest(small), (one) => one.id === "c"))).toEqual(["0a", "1b", "2c"]);
});

test("a deep tree does not overflow the stack", () => {
  const chain = Array.from({ length: 50_000 }, (_, n) => activity(`${n}`, n === 0 ? null : `${n - 1}`));
  expect(visibleRows(buildForest(chain), () => false)).toHaveLength(50_000);
  expect(filterForest(buildForest(chain), (one) => one.id === "49999")).toHaveLength(1);
});

test("a running activity lasts until now", () => {
  const now = Date.parse("2026-01-01T00:00:10Z");
  const running = activity("a", null, { status: "running", duration_ns: null });
  expect(timeRange([running], now, now - 10_000)).toEqual([0, 10_000]);
  const abandoned = activity("a", null, { status: "abandoned", duration_ns: null });
  expect(timeRange([abandoned], now, now - 10_000)[1]).toBeLessThan(1);
});

test("a new row is inserted in order, once", () => {
  const rows = [{ id: "9" }, { id: "5" }, { id: "1" }];
  const ids = (one: string) => merged(rows, { id: one }).map((row) => row.id);
  expect(ids("7")).toEqual(["9", "7", "5", "1"]);
  expect(ids("5")).toEqual(["9", "5", "1"]);
  expect(ids("95")).toEqual(["95", "9", "5", "1"]);
  expect(ids("0")).toEqual(["9", "5", "1", "0"]);
});

test("a late running state does not replace an ended one", () => {
  const ended: Row = { id: "5", seq: 3 };
  expect(merged([ended], { id: "5", seq: null })).toEqual([ended]);
  expect(merged([{ id: "5", seq: null }], ended)).toEqual([ended]);
});

test("activities that repeat are folded into one row", () => {
  const repeated = (n: number, status = "success") =>
    activity(`${10 + n}`, "1", {
      kind: "tool",
      name: "upsert",
      duration_ns: n,
      status,
    } as Partial<ActivityRecord>);
  const others = [
    activity("1", null),
    activity("11", "1", { kind: "tool", name: "open" } as Partial<ActivityRecord>),
    activity("99", "1", { kind: "tool", name: "close" } as Partial<ActivityRecord>),
  ];
  const steps = Array.from({ length: 40 }, (_, n) => repeated(n + 2, n === 7 ? "failed" : "success"));
  const roots = buildForest([...others, ...steps]);
  foldRepeats(roots);
  const rows = visibleRows(roots, (node) => node.repeats !== null);
  expect(rows.map((row) => row.node.activity.name)).toEqual([undefined, "open", "upsert", "close"]);
  expect(rows[2]?.node.repeats).toEqual({ failed: 1, running: 0, p95: 39 });
  expect(visibleRows(roots, () => false)).toHaveLength(44);
  expect(ancestors(roots, "20")).toEqual(["12 repeats", "1"]);
  expect(ancestors(roots, "gone")).toBeNull();
});

test("parents stay above the rows below them", () => {
  const rows = visibleRows(buildForest(small), () => false);
  const pinned = (first: number, most: number) =>
    pinnedRows(rows, first, most).map((row) => row.node.activity.id);
  // Rows: a, b, c, d, e.
  expect([pinned(0, 1), pinned(1, 1), pinned(1, 2), pinned(3, 2)]).toEqual([["a"], ["b"], ["b"], []]);
});

test("collapsing leaves one level", () => {
  expect([...parentsBelow(buildForest(small), "")]).toEqual(["b"]);
  expect([...parentsBelow(buildForest(small), "b")]).toEqual([]);
});

test("a few equal activities are not folded", () => {
  const few = [activity("1", null), ...["2", "3", "4", "5", "6"].map((id) => activity(id, "1"))];
  const roots = buildForest(few);
  foldRepeats(roots);
  expect(visibleRows(roots, () => false)).toHaveLength(6);
});

test("a range of nanoseconds is exact", () => {
  const short = activity("a", null, { duration_ns: 300 });
  expect(timeRange([short], 0, Date.parse(short.started_at))[1]).toBeCloseTo(0.0003, 9);
});

test("starts are read to the microsecond", () => {
  const at = (started_at: string) =>
    startOf(activity("a", null, { started_at }), Date.parse("2026-01-01T00:00:00Z"));
  expect(at("2026-01-01T00:00:00.000500Z") - at("2026-01-01T00:00:00Z")).toBeCloseTo(0.5, 3);
  expect(at("2026-01-01T00:00:00.1234Z") - at("2026-01-01T00:00:00.123Z")).toBeCloseTo(0.4, 3);
});
