// A browser for the tests, and what holds of every page.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

/** Where the dashboard is served, each under another prefix. */
export const PLACES = (process.env.DASHBOARDS ?? "").split(" ").filter((url) => url !== "");
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

export async function launch() {
  assert.ok(PLACES.length > 0, "the variable DASHBOARDS says where dashboards are served");
  return chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
}

/** A window that collects whatever should not happen. */
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
  const faults = [];
  page.on("console", (message) => message.type() === "error" && faults.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (!["data:", "blob:"].includes(url.protocol) && !request.url().startsWith(place)) {
      faults.push(`a request to elsewhere: ${request.url()}`);
    }
  });
  await page.goto(new URL(path, place).href);
  await page.locator("h1, h2").first().waitFor();
  return {
    page,
    faults,
    /** Nothing went wrong until here. */
    async close() {
      assert.deepEqual(faults, []);
      await context.close();
    },
  };
}

/** What axe finds that keeps people from using the page. */
export async function barriers(page) {
  // The policy of the page lets no script in by an element; this way is the debugger's.
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

/** The JSON that the API beside the pages answers. */
export async function api(page, path) {
  return page.evaluate(async (at) => (await fetch(`./api/${at}`)).json(), path);
}
