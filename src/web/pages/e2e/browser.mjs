// The browser of the tests, and checks for every page.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

/** URLs of the dashboard, each under another prefix. */
export const PLACES = (process.env.DASHBOARDS ?? "").split(" ").filter((url) => url !== "");
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

export async function launch(...args) {
  assert.ok(PLACES.length > 0, "set DASHBOARDS to the URLs of the dashboard");
  return chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", ...args],
  });
}

/** Opens a window that collects console errors, exceptions and requests to other hosts. */
export async function open(
  browser,
  place,
  path,
  { width = 1280, height = 900, theme = "light", zone = "Asia/Kathmandu" } = {},
) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    timezoneId: zone,
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const page = await context.newPage();
  await throttle(page);
  const faults = [];
  page.on("console", (message) => message.type() === "error" && faults.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (!["data:", "blob:"].includes(url.protocol) && !request.url().startsWith(place)) {
      faults.push(`request to another host: ${request.url()}`);
    }
  });
  await page.goto(new URL(path, place).href);
  await page.locator("h1, h2").first().waitFor();
  return {
    context,
    page,
    faults,
    /** Asserts that nothing was collected. */
    async close() {
      assert.deepEqual(faults, []);
      await context.close();
    },
  };
}

/** How much slower pages are than they could be. */
const RATE = Number(process.env.CPU_THROTTLE ?? 1);

/** Slows a page down as `CPU_THROTTLE` says, as a busy machine does. */
export async function throttle(page) {
  if (RATE > 1) {
    const session = await page.context().newCDPSession(page);
    await session.send("Emulation.setCPUThrottlingRate", { rate: RATE });
  }
}

/** Repeats a check until it holds, for as long as Playwright waits: what follows a change of the page may be later than it. */
export async function eventually(check) {
  for (const end = Date.now() + 30_000; ; ) {
    try {
      return await check();
    } catch (cause) {
      if (Date.now() > end) {
        throw cause;
      }
      await new Promise((done) => setTimeout(done, 50));
    }
  }
}

/** Returns the serious accessibility violations that axe finds. */
export async function violations(page) {
  if (RATE > 1) {
    // A slow page has the same ones, and axe takes long.
    return [];
  }
  // The page's policy blocks script elements; the debugger is not subject to it.
  await page.evaluate((await import("node:fs")).readFileSync(AXE, "utf8"));
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations
    .filter((one) => one.impact === "serious" || one.impact === "critical")
    .map(
      (one) =>
        `${one.id}: ${one.nodes
          .map((node) => node.html)
          .slice(0, 3)
          .join(" ")}`,
    );
}

/** Records an activity in the quiet store, and waits for its commit. */
export async function record(name, status) {
  const url = new URL("record", process.env.CONTROL);
  url.search = new URLSearchParams({ name, status }).toString();
  assert.equal((await fetch(url)).status, 200);
}

/** Fetches JSON from the API. */
export async function api(page, path) {
  return page.evaluate(async (at) => (await fetch(`./api/${at}`)).json(), path);
}
