import { expect, test } from "vitest";
import { apiUrl, segment } from "../data/api";
import { href, parseRoute } from "../data/route";

test.each([
  ["http://x/", "overview"],
  ["http://x/timeline?q=status%3Afailed", "timeline"],
  ["http://x/ops/activity/health", "health"],
  ["http://x/ops/activity/", "overview"],
  ["http://x/ops/unknown", "overview"],
])("%s is the page %s", (url, page) => {
  expect(parseRoute(new URL(url)).page).toBe(page);
});

test("a route round-trips through its URL", () => {
  const params = { q: 'actor:"Ann & B" 100% #1', id: "x/y" };
  const url = new URL(href("timeline", params), "http://x/ops/activity/events?q=old");
  expect(url.pathname).toBe("/ops/activity/timeline");
  expect(parseRoute(url)).toEqual({ page: "timeline", params });
  expect(href("overview", { at: null, window: "" })).toBe("./overview");
});

test("URLs of the API are relative, and segments are encoded", () => {
  expect(apiUrl(`metrics/names/${segment("GET /a?b")}`, { window: "day", at: undefined })).toBe(
    "api/metrics/names/GET%20%2Fa%3Fb?window=day",
  );
});
