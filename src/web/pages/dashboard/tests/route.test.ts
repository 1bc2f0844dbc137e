import { expect, test } from "vitest";
import { address, part } from "../data/api";
import { href, placeOf } from "../data/route";

test.each([
  ["http://x/", "overview"],
  ["http://x/timeline?q=status%3Afailed", "timeline"],
  ["http://x/ops/activity/health", "health"],
  ["http://x/ops/activity/", "overview"],
  ["http://x/ops/unknown", "overview"],
])("%s is the page %s", (url, page) => {
  expect(placeOf(new URL(url)).page).toBe(page);
});

test("a place is in its address, whatever it says", () => {
  const params = { q: 'actor:"Ann & B" 100% #1', id: "x/y" };
  const url = new URL(href("timeline", params), "http://x/ops/activity/events?q=old");
  expect(url.pathname).toBe("/ops/activity/timeline");
  expect(placeOf(url)).toEqual({ page: "timeline", params });
  expect(href("overview", { at: null, window: "" })).toBe("./overview");
});

test("addresses of the API are relative, and names in them may have any characters", () => {
  expect(address(`metrics/names/${part("GET /a?b")}`, { window: "day", at: undefined })).toBe(
    "api/metrics/names/GET%20%2Fa%3Fb?window=day",
  );
});
