// Every page and control of the dashboard, against a server with history and a live writer.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { api, launch, open, PLACES, violations } from "./browser.mjs";
import { shown, states } from "./states.mjs";

const PAGES = [
  "overview",
  "timeline",
  "timeline?q=name:nothing",
  "errors?window=week",
  "mcp",
  "replay",
  "events",
  "health",
];

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

for (const place of PLACES) {
  describe(`under ${new URL(place).pathname}`, { concurrency: false }, () => {
    // Everything once, and under the other prefix two states: `survey.mjs` has all widths and themes.
    const isFirst = place === PLACES[0];
    const looks = [
      ["light", 1280],
      ["dark", 390],
    ];
    for (const [theme, width] of isFirst ? looks : looks.slice(1)) {
      test(`every page is accessible, ${theme}, ${width} px wide`, async () => {
        const window = await open(browser, place, "", { theme, width });
        const { page, faults } = window;
        const all = await states(page);
        assert.equal(all.length, 21);
        for (const [name, path] of isFirst ? all : all.slice(0, 2)) {
          await page.goto(new URL(path, place).href);
          await shown(page);
          assert.deepEqual(await violations(page), [], name);
          const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok(over <= 0, `${name} is ${over} px wider than the window`);
        }
        // Of records that are missing, and of a filter with an error.
        const bad = faults.splice(0).filter((fault) => !/status of 40[04]/.test(fault));
        assert.deepEqual(bad, []);
        await window.close();
      });
    }

    test("tabs navigate, mark the current page, and the back button returns", async () => {
      const window = await open(browser, place, "");
      const { page } = window;
      for (const [label, path] of [
        ["Timeline", "timeline"],
        ["MCP", "mcp"],
        ["Replay", "replay"],
        ["Events", "events"],
        ["Health", "health"],
        ["Activity", "overview"],
      ]) {
        await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: label }).click();
        await page.waitForURL(new URL(path, place).href);
        await page.locator(".tabs [aria-current=page]", { hasText: label }).waitFor();
      }
      await page.goBack();
      await page.waitForURL(new URL("health", place).href);
      await page.getByRole("heading", { name: "Health", level: 1 }).waitFor();
      await page.locator(".count-running").waitFor();
      await page.getByRole("button", { name: /^Theme/ }).click();
      await page.waitForFunction(() => document.documentElement.dataset.theme === "light");
      await window.close();
    });

    test("the chart shows the figures of the API, window by window", async () => {
      const window = await open(browser, place, "overview");
      const { page } = window;
      await page.getByRole("button", { name: "Previous period" }).click();
      await page.waitForURL(/at=/);
      await page.getByRole("button", { name: "Next period" }).click();
      await page.waitForURL((url) => !url.searchParams.has("at"));
      await page.getByRole("button", { name: "Week" }).click();
      await page.waitForURL(/window=week/);
      await page.getByRole("button", { name: "Month" }).click();
      await page.waitForURL(/window=month/);
      await page.getByRole("heading", { name: "By day" }).waitFor();
      const metrics = await api(page, "metrics/overall?window=month&step=day&tz=Asia/Kathmandu");
      const n = metrics.history.findLastIndex((one) => one.count > 0) - 1;
      await page.locator(".plot").focus();
      for (let step = 0; step <= n; step += 1) {
        await page.keyboard.press("ArrowRight");
      }
      const tooltip = await page.locator(".tooltip").textContent();
      assert.ok(
        tooltip.includes(metrics.history[n].count.toLocaleString("en")),
        `${tooltip}: ${metrics.history[n].count}`,
      );
      await page.getByText("Show as table").click();
      const row = await page.locator(".as-table tbody tr").nth(n).textContent();
      assert.ok(row?.includes(metrics.history[n].count.toLocaleString("en")), row);
      const legend = page.getByRole("button", { name: "Errors", exact: true }).first();
      await legend.click();
      await legend.and(page.locator("[aria-pressed=false]")).waitFor();
      // Its values are loaded when it gets the focus.
      await page.getByLabel("Scope").focus();
      await page.getByLabel("Scope").selectOption("project:=orchard");
      await page.waitForURL(/scope=project%3A%3Dorchard/);
      await page.getByRole("button", { name: "Agents" }).click();
      await page.getByRole("columnheader", { name: "Turns/h" }).waitFor();
      await window.close();
    });

    test("the filter is completed, stored in the URL, and shows its errors", async () => {
      const window = await open(browser, place, "timeline");
      const { page, faults } = window;
      const filter = page.getByRole("combobox", { name: "Filter" });
      await page.locator(".row").first().waitFor();
      await page.keyboard.press("/");
      await filter.pressSequentially("sta");
      await page.getByRole("option", { name: /status:/ }).waitFor();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await filter.pressSequentially("fail");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await page.waitForURL(/q=status%3Afailed/);
      await page.locator(".row-failed").first().waitFor();
      await page.locator(".row:not(.row-failed)").first().waitFor({ state: "detached" });
      await page.getByLabel("Time range").selectOption("7d");
      await page.waitForURL(/since%3A7d/);
      await filter.fill("colour:red");
      await filter.press("Enter");
      await page.locator(".filter-problem mark", { hasText: /^colour$/ }).waitFor();
      // The browser logs every failed request.
      const logged = faults.splice(0);
      assert.ok(
        logged.every((fault) => fault.includes("400")),
        logged.join(),
      );
      await page.getByRole("button", { name: "Clear filter" }).click();
      await page.locator(".row").first().waitFor();
      await filter.fill("name:nothing_is_called_so");
      await filter.press("Enter");
      await page.getByRole("heading", { name: "No activities match this filter" }).waitFor();
      await window.close();
    });

    test("a list of roots says how to see what matches inside others", async () => {
      const window = await open(browser, place, "timeline?q=project%3Anone");
      const { page } = window;
      await page.getByRole("heading", { name: "No top-level activities match this filter" }).waitFor();
      const filter = page.getByRole("combobox", { name: "Filter" });
      await filter.fill("session:session-shop");
      await filter.press("Enter");
      const roots = await page.locator(".row").count();
      await page.locator(".list-end").getByRole("link", { name: "Include nested activities" }).click();
      await page.locator(".row", { hasText: "amazon_pay" }).first().waitFor();
      assert.ok((await page.locator(".row").count()) > roots);
      await window.close();
    });

    test("the timeline is live until paused, loads older rows, and has keyboard shortcuts", async () => {
      const window = await open(browser, place, "timeline");
      const { page } = window;
      const first = () => page.locator(".row-link").first().getAttribute("href");
      await page.getByRole("button", { name: "Live" }).waitFor();
      const was = await first();
      await page.waitForFunction(
        (old) => document.querySelector(".row-link")?.getAttribute("href") !== old,
        was,
      );
      await page.keyboard.press("p");
      await page.waitForURL(/live=off/);
      await page.getByRole("button", { name: "Paused" }).waitFor();
      const rows = await page.locator(".row").count();
      await page.mouse.wheel(0, 100_000);
      await page.waitForFunction((n) => document.querySelectorAll(".row").length > n, rows);
      await page.evaluate(() => scrollTo(0, 0));
      await page.keyboard.press("j");
      await page.waitForURL(/id=/);
      const one = new URL(page.url()).searchParams.get("id");
      await page.keyboard.press("j");
      await page.waitForURL((url) => url.searchParams.get("id") !== one);
      await page.keyboard.press("k");
      await page.waitForURL((url) => url.searchParams.get("id") === one);
      await page.getByRole("complementary").waitFor();
      await page.keyboard.press("Escape");
      await page.waitForURL((url) => !url.searchParams.has("id"));
      await page.keyboard.press("j");
      await page.waitForURL(/id=/);
      await page.keyboard.press("Enter");
      await page.waitForURL(/activity\?id=/);
      await page.getByRole("tree").waitFor();
      await window.close();
    });

    test("a filter is exported, and copied as a CLI command", async () => {
      const window = await open(browser, place, "timeline?q=status%3Afailed+name%3Aamazon*");
      const { page } = window;
      await page.locator(".row").first().waitFor();
      await page.getByText("Export").click();
      const download = page.waitForEvent("download");
      await page.getByRole("link", { name: /CSV/ }).click();
      assert.equal((await download).suggestedFilename(), "activities.csv");
      await page.getByRole("button", { name: "Copy CLI command" }).click();
      await page.getByText("Copied").waitFor();
      const copied = await page.evaluate(() => navigator.clipboard.readText());
      assert.equal(copied, "activity list 'status:failed name:amazon*'");
      await window.close();
    });

    test("of a tree of thousands only visible rows are in the document", async () => {
      const window = await open(browser, place, "");
      const { page } = window;
      const { id } = (await api(page, "activities?q=name:import_catalogue")).activities[0];
      await page.goto(new URL(`activity?id=${id}`, place).href);
      const tree = page.getByRole("tree");
      // The activity is shown before its tree is loaded.
      await page.getByRole("treeitem").nth(10).waitFor();
      const rendered = () => page.getByRole("treeitem").count();
      assert.ok((await rendered()) < 60, `${await rendered()} rows`);
      await tree.evaluate((element) => {
        element.scrollTop = element.scrollHeight / 2;
      });
      await page.waitForFunction(
        () => document.querySelector("[role=treeitem] .fall-text")?.textContent !== "import_catalogue",
      );
      assert.ok((await rendered()) < 60, `${await rendered()} rows`);
      const failedOnly = page.getByRole("button", { name: /^Failed only/ });
      await failedOnly.click();
      await failedOnly.and(page.locator("[aria-pressed=true]")).waitFor();
      await page.locator(".fall-failed").first().waitFor();
      await tree.focus();
      for (const key of ["ArrowDown", "ArrowDown", "ArrowLeft", "ArrowRight"]) {
        await page.keyboard.press(key);
      }
      await page.waitForURL(/step=/);
      await page.getByText("Raw JSON").click();
      await page.getByLabel("Raw JSON").waitFor();
      await window.close();
    });

    test("brands and projects have a sparkline, and days have headings", async () => {
      const window = await open(browser, place, "overview?window=week");
      const { page } = window;
      await page.getByRole("button", { name: "Brands" }).click();
      await page.getByRole("columnheader", { name: "Brand" }).waitFor();
      const brands = await api(page, "metrics/brands?window=week&tz=Asia/Kathmandu");
      const first = page.locator("#breakdown").locator("xpath=../..").locator("tbody tr").first();
      const text = await first.textContent();
      assert.ok(
        brands.ranking.some((one) => text?.includes(one.id)),
        text ?? "",
      );
      await first.locator("svg.spark polyline").waitFor();
      await page.goto(new URL("timeline?live=off&q=kind:job", place).href);
      await page.locator(".row").first().waitFor();
      await page.goto(new URL("timeline?live=off", place).href);
      await page.locator(".day", { hasText: "Today" }).waitFor();
      await window.close();
    });

    test("health shows the accounting and the growth of a file, or the logs of a central store", async () => {
      const window = await open(browser, place, "health");
      const { page } = window;
      const { name, host, logs } = await api(page, "store");
      const header = page.locator("a.store");
      await page.locator("p.store-text", { hasText: name }).waitFor();
      await page.getByRole("heading", { name: "Retention" }).waitFor();
      await page.getByText("Index lag").waitFor();
      if (logs === null) {
        assert.equal(await header.textContent(), host);
        await page.getByRole("heading", { name: "Accounting" }).waitFor();
        const grows = page.getByRole("table").filter({ hasText: "Per day" });
        await grows.getByRole("row", { name: /^input activity/ }).waitFor();
      } else {
        assert.equal(await header.textContent(), "1 log");
        const listed = page.getByRole("table").filter({ hasText: "Last heard of" });
        await listed.getByRole("row", { name: /active/ }).waitFor();
      }
      await window.close();
    });

    test("events are counted by type and show their details", async () => {
      const window = await open(browser, place, "events");
      const { page } = window;
      // Today's types depend on the time of day.
      const name = await page.locator(".type bdi").first().textContent();
      // By name: their order follows their numbers.
      const type = page.locator(".type", { has: page.locator("bdi", { hasText: new RegExp(`^${name}$`) }) });
      await type.click();
      await page.waitForURL(/type%3A/);
      await page.waitForFunction((name) => {
        const shown = [...document.querySelectorAll(".event-type")].map((one) => one.textContent);
        return shown.length > 0 && shown.every((one) => one === name);
      }, name);
      // The list is live: an opened row stays open, but moves down.
      await page.locator(".event-row summary").first().click();
      await page.locator(".event-row details[open] .event-more").waitFor();
      await page.goto(new URL("events", place).href);
      await page.locator(".event-type").first().waitFor();
      await page.getByRole("button", { name: "Show log lines" }).click();
      await page.waitForURL(/type%3A\*|type%3A%2A/);
      await page.locator(".event-type", { hasText: /^log$/ }).first().waitFor();
      await window.close();
    });

    test("failures are shown and can be retried", async () => {
      for (const path of [...PAGES, "activity?id=00000000-0000-7000-8000-000000000000"]) {
        const window = await open(browser, place, "health");
        const { page, faults } = window;
        await page.locator(".cards").waitFor();
        await page.route("**/api/**", (route) => route.abort());
        await page.goto(new URL(path, place).href);
        const failure = page.getByRole("alert").first();
        await failure.waitFor();
        assert.match(await failure.textContent(), /Couldn’t load .*no response from the server/s, path);
        const again = page.waitForRequest("**/api/**");
        await failure.getByRole("button", { name: "Retry" }).click();
        await again;
        await page.unroute("**/api/**");
        await failure.waitFor({ state: "detached" });
        faults.splice(0);
        await window.close();
      }
    });
  });
}
