import { expect, test } from "vitest";
import { criticalPath, selfTime } from "../data/critical";
import type { ActivityRecord } from "../data/records";
import { buildForest } from "../data/tree";

/** An activity from and to milliseconds of a second. */
const activity = (id: string, parent: string | null, from: number, to: number) =>
  ({
    id,
    parent,
    name: id,
    status: "success",
    started_at: `2026-01-01T00:00:00.${String(from).padStart(3, "0")}000Z`,
    duration_ns: (to - from) * 1e6,
  }) as ActivityRecord;
const ORIGIN = Date.parse("2026-01-01T00:00:00Z");

test("the critical path goes back from the end", () => {
  const roots = buildForest([
    activity("root", null, 0, 100),
    activity("a", "root", 0, 30),
    activity("beside a", "root", 5, 20),
    activity("b", "root", 30, 90),
    activity("b1", "b", 30, 50),
    activity("b2", "b", 40, 88),
    activity("later, and shorter", "b", 60, 70),
  ]);
  expect([...criticalPath(roots, 0, ORIGIN)].sort()).toEqual(["a", "b", "b2", "root"]);
});

test("what outlives its parent is on the path until the end of the parent", () => {
  const roots = buildForest([activity("root", null, 0, 50), activity("task", "root", 10, 400)]);
  expect(criticalPath(roots, 0, ORIGIN)).toEqual(new Set(["root", "task"]));
});

test("self time is what no child covers", () => {
  const [root] = buildForest([
    activity("root", null, 0, 100),
    activity("a", "root", 10, 30),
    activity("over a", "root", 20, 40),
    activity("outlives", "root", 90, 400),
  ]);
  expect(root && selfTime(root, 0, ORIGIN)).toBe(60e6);
});
