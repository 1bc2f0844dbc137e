// MCP calls: every number opens the calls that it counts, rows narrow the page, and messy names leave figures readable.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { api, launch, open, PLACES, violations } from "./browser.mjs";

const ZONE = "Asia/Kathmandu";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Returns a day in the viewer's time zone that has ended, so that its numbers stay. */
const yesterday = () =>
  new Intl.DateTimeFormat("en-CA", { timeZone: ZONE }).format(new Date(Date.now() - 24 * 3_600_000));

/** Waits until the calls are shown. */
async function settled(page) {
  await page.getByRole("heading", { name: "Tools", exact: true }).waitFor();
  await page.locator(".waiting").first().waitFor({ state: "detached" });
}

/** Counts the activities that a filter lists. */
async function listed(page, q) {
  return page.evaluate(
    async ([filter, tz]) => {
      const query = new URLSearchParams({ limit: "1000", tz, q: filter });
      const list = await (await fetch(`./api/activities?${query}`)).json();
      return list.activities?.length ?? JSON.stringify(list);
    },
    [q, ZONE],
  );
}

/** Asserts that every number of the page that links to a list opens as many calls. */
async function assertAllOpen(page, least) {
  const links = await page.locator("main a[href^='./timeline']").evaluateAll((all) =>
    all.map((link) => ({
      number: Number(/(\d[\d,]*)(?: [a-z]+)?$/.exec(link.textContent)?.[1].replaceAll(",", "")),
      q: new URL(link.href).searchParams.get("q"),
    })),
  );
  const unique = [...new Map(links.map((link) => [link.q, link])).values()];
  assert.ok(unique.length >= least, `${unique.length} numbers`);
  while (unique.length > 0) {
    await Promise.all(
      unique
        .splice(0, 6)
        .map(async ({ number, q }) => assert.equal(await listed(page, q), Math.min(number, 1_000), q)),
    );
  }
}

for (const place of PLACES) {
  const thorough = place === PLACES[0] ? test : () => {};
  describe(`under ${new URL(place).pathname}`, { concurrency: false }, () => {
    thorough("every number opens the calls that it counts, also within a filter", async () => {
      const window = await open(browser, place, `mcp?at=${yesterday()}`);
      const { page } = window;
      for (const q of ["", "project:acme-shop", "status:failed", "attr.mcp.method.name:tools/call"]) {
        await page.goto(new URL(`mcp?at=${yesterday()}&q=${encodeURIComponent(q)}`, place).href);
        await settled(page);
        await assertAllOpen(page, 15);
      }
      // Of the messy calls that were just recorded: others go on, of a client that has such a version, too.
      const messy = "attr.mcp.client.version:0.* -attr.mcp.client.name:codex";
      for (const all of ["tools", "servers", "clients"]) {
        await page.goto(new URL(`mcp?all=${all}&q=${encodeURIComponent(messy)}`, place).href);
        await settled(page);
        await assertAllOpen(page, 30);
      }
      for (const [q, least] of [
        ["attr.mcp.method.name:tools/call,sampling/createMessage", 100],
        ['attr."mcp.method.name":*', 100],
        ["-attr.mcp.method.name:tools/call -status:cancelled", 10],
        ["status:success", 100],
        ["-status:failed", 100],
        ["attr.mcp.intent:*1*", 30],
      ]) {
        const filter = encodeURIComponent(`${messy} ${q}`);
        await page.goto(new URL(`mcp?all=tools&q=${filter}`, place).href);
        await settled(page);
        await assertAllOpen(page, least);
      }
      await window.close();
    });

    test("a row narrows the page, and its reasons open their calls", async () => {
      const window = await open(browser, place, `mcp?at=${yesterday()}`);
      const { page } = window;
      await settled(page);
      const answer = await api(page, `mcp?at=${yesterday()}&tz=${ZONE}`);
      const tool = answer.tools.find((one) => one.reasons > 0);
      const row = page.locator("tr", { has: page.getByRole("link", { name: tool.name, exact: true }) });
      await row.locator("th .narrow").click();
      await page.waitForURL((url) => url.searchParams.get("q")?.includes(`name:=${tool.name}`) ?? false);
      await page.getByText(`newest of ${tool.reasons}`).waitFor();
      await page.locator(".mcp-reasons a").first().click();
      await page.waitForURL(/activity\?id=/);
      await page.getByText("mcp.intent").first().waitFor();
      await page.goBack();
      await settled(page);
      await window.close();
    });

    test("calls appear as they end", async () => {
      const window = await open(browser, place, "mcp");
      const { page } = window;
      await settled(page);
      const sum = page.locator(".mcp-sum a").first();
      const before = await sum.textContent();
      await page.waitForFunction(
        (text) => document.querySelector(".mcp-sum a")?.textContent !== text,
        before,
      );
      await window.close();
    });

    thorough("an empty period says how calls get on the record", async () => {
      const window = await open(browser, place, "mcp?at=2001-01-01");
      const { page } = window;
      await page.getByRole("heading", { name: "No MCP calls in this period" }).waitFor();
      await page.getByText("activity proxy --").waitFor();
      await page.goto(new URL("mcp?q=name:nothing_is_called_so", place).href);
      await page.getByRole("link", { name: "All MCP calls" }).click();
      await settled(page);
      await page.goto(new URL("mcp?q=type:log", place).href);
      await page.getByRole("heading", { name: "Invalid filter" }).waitFor();
      const bad = window.faults.splice(0).filter((fault) => !/status of 400/.test(fault));
      assert.deepEqual(bad, []);
      await window.close();
    });

    for (const [theme, width] of [
      ["light", 1440],
      ["dark", 1024],
      ["dark", 390],
    ]) {
      thorough(`messy names leave figures readable, ${theme}, ${width} px wide`, async () => {
        const window = await open(browser, place, "mcp?all=tools", { theme, width });
        const { page } = window;
        await settled(page);
        assert.ok((await page.locator("[aria-labelledby=tools] tbody tr").count()) === 100);
        await page.getByText(/^… and [\d,]+ more/).waitFor();
        const figures = await page.locator("table.figures td:not(.wide-only)").evaluateAll((all) =>
          all.map((one) => {
            const { left, right } = one.getBoundingClientRect();
            return { text: one.textContent, over: Math.max(right - innerWidth, -left) };
          }),
        );
        for (const { text, over } of figures) {
          assert.ok(over <= 0, `${text} is ${over} px outside`);
        }
        // All pages are in sight.
        const tabs = await page
          .locator(".tabs a")
          .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().right - innerWidth));
        assert.ok(Math.max(...tabs) <= 0, `${tabs}`);
        assert.deepEqual(await violations(page), []);
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(over <= 0, `${over} px wider than the window`);
        await page.getByRole("button", { name: "Show the first 10" }).click();
        await page.waitForURL((url) => !url.searchParams.has("all"));
        await window.close();
      });
    }
  });
}
