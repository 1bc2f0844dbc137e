import { expect, test } from "vitest";
import { selected } from "../data/span";

const NOW = Date.parse("2026-03-10T12:07:00Z");

test("the times of a filter are widened to quarter hours, and the rest is kept", () => {
  expect(selected("status:failed since:2h kind:tool", NOW)).toEqual({
    span: { start: "2026-03-10T10:00:00.000Z", end: "2026-03-10T12:15:00.000Z" },
    step: "quarter",
    q: "status:failed kind:tool",
    isDefault: false,
    present: true,
  });
  const exact = selected("since:2026-03-01T00:00:00Z until:2026-03-05T00:00:00.000Z", NOW);
  expect([exact?.span.end, exact?.step, exact?.present]).toEqual(["2026-03-05T00:00:00.000Z", "hour", false]);
  expect(selected("since:30d", NOW)?.step).toBe("day");
});

test("without times it is the last 24 hours", () => {
  const { span, isDefault } = selected("kind:job", NOW) ?? {};
  expect([span?.start, isDefault]).toEqual(["2026-03-09T12:00:00.000Z", true]);
});

test.each(["since:sometime", "since:2h until:5h", "since:9999d", "since:2026-13-45"])(
  "%s is not understood",
  (q) => {
    expect(selected(q, NOW)).toBeNull();
  },
);
