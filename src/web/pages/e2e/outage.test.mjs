// Slow and unreachable servers, and how much the pages ask of them.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { launch, PLACES, record, throttle } from "./browser.mjs";
import { relay } from "./relay.mjs";

const [place] = PLACES;
const QUIET = process.env.QUIET;
/** Longer than any interval at which a page loads again. */
const SLOW = 6_000;

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Opens a window of a page whose requests do not succeed, or only late. */
async function opened(url, path, prepare = async () => undefined) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await throttle(page);
  const aborted = [];
  page.on("requestfailed", (request) => aborted.push(request.url()));
  await prepare(page);
  await page.goto(new URL(path, url).href);
  return { page, aborted, close: () => context.close() };
}

describe("a slow API", () => {
  const slowly = (page) =>
    page.route("**/api/**", async (route) => {
      await wait(SLOW);
      await route.continue().catch(() => undefined);
    });
  test("fills every page, and no request is aborted", async () => {
    const running = (await (await fetch(new URL("api/activities?q=kind:turn&limit=1", place))).json())
      .activities[0].id;
    const shown = {
      overview: ".cards",
      timeline: ".row",
      [`activity?id=${running}`]: "h1",
      events: ".event-row",
      health: ".verdict",
      replay: ".row",
    };
    await Promise.all(
      Object.entries(shown).map(async ([path, content]) => {
        const { page, aborted, close } = await opened(place, path, slowly);
        await page
          .locator(content)
          .first()
          .waitFor({ timeout: 10 * SLOW });
        await page.locator(".count-running").waitFor({ timeout: 10 * SLOW });
        assert.deepEqual(aborted, [], path);
        await close();
      }),
    );
  });
});

describe("a visible page", () => {
  test("asks little while nothing changes, and shows a change at once", async () => {
    const { page, close } = await opened(QUIET, "overview");
    await page.clock.install();
    await page.goto(new URL("overview", QUIET).href);
    const asked = [];
    await page.locator(".count-failed, .count-calm").waitFor();
    await page.clock.runFor(15_000);
    page.on("request", (request) => asked.push(request.url()));
    for (let second = 0; second < 60; second += 1) {
      await page.clock.runFor(1_000);
    }
    assert.ok(asked.length < 10, asked.join("\n"));
    const failed = async () => Number((await page.locator(".counts a").last().textContent()).split(" ")[0]);
    const was = await failed();
    await record("broken", "failed");
    while ((await failed()) === was) {
      await page.clock.runFor(1_000);
    }
    await close();
  });

  test("has one stream, and none while it is hidden", async () => {
    const { page, close } = await opened(QUIET, "timeline");
    const streams = [];
    page.on("request", (request) => request.url().includes("/api/live") && streams.push(request.url()));
    // It has a position once it has sent something.
    await record("before", "success");
    await page.locator(".row", { hasText: "before" }).waitFor();
    const hide = (hidden) =>
      page.evaluate((is) => {
        Object.defineProperty(document, "hidden", { configurable: true, get: () => is });
        document.dispatchEvent(new Event("visibilitychange"));
      }, hidden);
    const ended = page.waitForEvent("requestfinished", (one) => one.url().includes("/api/live"));
    const aborted = page.waitForEvent("requestfailed", (one) => one.url().includes("/api/live"));
    await hide(true);
    await Promise.any([ended, aborted]);
    await record("while hidden", "success");
    assert.equal(await page.locator(".row", { hasText: "while hidden" }).count(), 0);
    const again = page.waitForRequest(/api\/live/);
    await hide(false);
    // It continues where it was.
    assert.match((await again).url(), /after=/);
    await page.locator(".row", { hasText: "while hidden" }).waitFor();
    await close();
  });
});

describe("after an outage", () => {
  for (const [path, content] of [
    ["overview", ".cards"],
    ["timeline", ".row"],
    ["events", ".event-row"],
    ["health", ".verdict-good"],
  ]) {
    test(`${path} recovers by itself`, async () => {
      const server = await relay(place);
      const { page, close } = await opened(server.url, path);
      await page.locator(content).first().waitFor();
      await server.stop();
      await page.getByText("disconnected").waitFor();
      await server.start();
      await page.locator(".count-running").waitFor();
      await page.getByText("disconnected").waitFor({ state: "detached" });
      await page.locator(content).first().waitFor();
      await close();
      await server.stop();
    });

    test(`${path} loads by itself when it was opened during the outage`, async () => {
      const isDown = { now: true };
      const { page, close } = await opened(place, path, (one) =>
        one.route("**/api/**", (route) => (isDown.now ? route.abort() : route.continue())),
      );
      await page.getByRole("alert").first().waitFor();
      isDown.now = false;
      await page.locator(content).first().waitFor();
      await page.getByRole("alert").first().waitFor({ state: "detached" });
      await close();
    });
  }

  test("health is not green while the server is silent", async () => {
    const { page, close } = await opened(place, "health");
    await page.clock.install();
    await page.goto(new URL("health", place).href);
    await page.locator(".verdict-good").waitFor();
    // Requests are accepted, and never answered.
    await page.route("**/api/**", () => undefined);
    for (let second = 0; second < 60 && (await page.locator(".verdict-good").count()) > 0; second += 1) {
      await page.clock.runFor(1_000);
    }
    await page.locator(".verdict-good").waitFor({ state: "detached" });
    await page.getByText("No response from the server").waitFor();
    await close();
  });
});
