import { expect, test } from "vitest";
import { filterOf, rowsOf } from "../data/roots";

test("roots are listed unless the filter looks for something inside", () => {
  expect(rowsOf(undefined, "")).toBe("roots");
  expect(rowsOf(undefined, "project:acme -env:dev since:24h")).toBe("roots");
  expect(rowsOf(undefined, "status:failed")).toBe("all");
  expect(rowsOf(undefined, "project:acme upsert")).toBe("all");
  expect(rowsOf("roots", "status:failed")).toBe("roots");
  expect(rowsOf("all", "")).toBe("all");
  expect(rowsOf("other", "")).toBe("roots");
});

test("the filter of roots keeps the one that was typed", () => {
  expect(filterOf("roots", "")).toBe("is:root");
  expect(filterOf("roots", "project:acme")).toBe("is:root project:acme");
  expect(filterOf("all", "project:acme")).toBe("project:acme");
  expect(filterOf("roots", "is:root name:a")).toBe("is:root name:a");
});
