// The overview: every number opens the records that it counts, whatever the scope and the time; ranges; the histogram.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { api, eventually, launch, open, PLACES, violations } from "./browser.mjs";

const ZONE = "Asia/Kathmandu";
/** Tabs of the breakdown. */
const TABS = ["project", "agent", "name", "brand", "actor", "error", "environment", "client"];

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Returns the numbers that link to the timeline, each with its filter. A row's count may be in its title only. */
async function counts(page) {
  await settled(page);
  const links = await page.evaluate(() =>
    [...document.querySelectorAll("main a[href^='./timeline']")].map((link) => ({
      text: link.textContent.trim() || link.title.split(": ").at(-1),
      q: new URL(link.href).searchParams.get("q"),
    })),
  );
  return links.map(({ text, q }) => ({ number: Number(text.replaceAll(",", "")), text, q }));
}

/** Waits until everything is loaded. */
async function settled(page) {
  await page.locator(".cards").first().waitFor();
  await page.locator("#breakdown").waitFor();
  await page.locator(".waiting").first().waitFor({ state: "detached" });
}

/** Counts the records that a filter lists. */
async function listed(page, q) {
  return page.evaluate(
    async ([filter, zone]) => {
      let [n, cursor] = [0, null];
      do {
        const query = new URLSearchParams({ limit: "1000", tz: zone, q: filter });
        if (cursor !== null) {
          query.set("cursor", cursor);
        }
        const list = await (await fetch(`./api/activities?${query}`)).json();
        n += list.activities.length;
        cursor = list.next;
      } while (cursor !== null);
      return n;
    },
    [q, ZONE],
  );
}

/** The most records to list for one number: their lists are long. */
const MOST = 3_000;

/** Asserts that every number of the page opens the records that it counts, and that there are at least `least` numbers. */
async function assertAllOpen(page, path, least) {
  const found = await counts(page);
  assert.ok(found.length >= least, `${path} has ${found.length} numbers`);
  const links = new Map(found.filter(({ number }) => !(number > MOST)).map((one) => [one.q, one]));
  const all = [...links.values()];
  while (all.length > 0) {
    await Promise.all(
      all.splice(0, 6).map(async ({ number, text, q }) => {
        assert.ok(Number.isSafeInteger(number), `${path}: ${text}`);
        assert.equal(await listed(page, q), number, `${path}: ${q}`);
      }),
    );
  }
}

/** Returns a day in the viewer's time zone that has ended, so that its numbers stay. */
const yesterday = () =>
  new Intl.DateTimeFormat("en-CA", { timeZone: ZONE }).format(new Date(Date.now() - 24 * 3_600_000));

for (const place of PLACES) {
  // Tests with very many requests run at the first place only.
  const thorough = place === PLACES[0] ? test : () => {};
  describe(`under ${new URL(place).pathname}`, { concurrency: false }, () => {
    thorough("every number of a day opens the records that it counts", async () => {
      const window = await open(browser, place, `overview?at=${yesterday()}`);
      const { page } = window;
      await settled(page);
      await page.getByText("Show as table").click();
      // Two cards, the bars of durations, two numbers of each row and of each hour.
      await assertAllOpen(page, "a day", 50);
      for (const by of TABS) {
        const path = `overview?at=${yesterday()}&by=${by}`;
        await page.goto(new URL(path, place).href);
        await assertAllOpen(page, path, 3);
      }
      await window.close();
    });

    thorough("a scope holds for the whole page, and its numbers open its records", async () => {
      const window = await open(browser, place, `overview?at=${yesterday()}`);
      const { page } = window;
      await settled(page);
      const project = (await api(page, `metrics/projects?at=${yesterday()}&tz=${ZONE}`)).ranking[0].id;
      await page.getByRole("link", { name: project, exact: true }).click();
      await page.waitForURL((url) => url.searchParams.get("scope")?.startsWith("project:=") ?? false);
      const scope = new URL(page.url()).searchParams.get("scope");
      const total = (
        await api(page, `metrics/overall?at=${yesterday()}&tz=${ZONE}&q=${encodeURIComponent(scope)}`)
      ).current.count;
      for (const by of TABS) {
        const path = `overview?at=${yesterday()}&all=1&by=${by}&scope=${encodeURIComponent(scope)}`;
        await page.goto(new URL(path, place).href);
        await assertAllOpen(page, path, 3);
        const rows = page.locator(".figures tbody tr");
        const numbers = await rows
          .locator("td a")
          .evaluateAll((links) =>
            links.filter((_, n) => n % 2 === 0).map((link) => Number(link.textContent.replaceAll(",", ""))),
          );
        const sum = numbers.reduce((a, b) => a + b, 0);
        assert.ok(sum <= total, `${path}: ${sum} of ${total}`);
        // Everything has a project and a name.
        assert.ok(!["project", "name"].includes(by) || sum === total, `${path}: ${sum} of ${total}`);
      }
      // Narrowed by a row, and everything again.
      await page.goto(
        new URL(`overview?at=${yesterday()}&by=name&scope=${encodeURIComponent(scope)}`, place).href,
      );
      await settled(page);
      const first = page.locator(".figures tbody tr").first();
      const expected = await first.locator("td a").first().textContent();
      await first.locator("th a").click();
      await page.waitForURL((url) => url.searchParams.get("scope")?.includes("name:=") ?? false);
      await page.waitForFunction(
        (count) => document.querySelector(".card a")?.textContent === count,
        expected,
      );
      await page.getByRole("button", { name: /^Remove project:=/ }).click();
      await page.waitForURL((url) => url.searchParams.get("scope")?.startsWith("name:=") ?? false);
      await page.getByLabel("Scope").selectOption("");
      await page.waitForURL((url) => !url.searchParams.has("scope"));
      await window.close();
    });

    test("a number leads to a timeline with as many rows", async () => {
      const window = await open(browser, place, `overview?at=${yesterday()}`);
      const { page } = window;
      await settled(page);
      const errors = page.locator(".card", { hasText: "Errors" }).getByRole("link");
      const count = Number((await errors.textContent()).replaceAll(",", ""));
      await errors.click();
      await page.waitForURL(/timeline\?q=/);
      await page
        .locator(count === 0 ? ".state" : ".row")
        .first()
        .waitFor();
      await page.waitForFunction((n) => document.querySelectorAll(".row").length === Math.min(n, 50), count);
      await page.locator(".row:not(.row-failed)").first().waitFor({ state: "detached" });
      await window.close();
    });

    test("the header’s failures of today are those that started today", async () => {
      const window = await open(browser, place, "health");
      const { page } = window;
      const chip = page.locator("a.count", { hasText: "failed today" });
      await chip.waitFor();
      // Others fail meanwhile: until both agree.
      for (let round = 0; ; round += 1) {
        const q = new URL(await chip.getAttribute("href"), page.url()).searchParams.get("q");
        const [shown, found] = [Number.parseInt(await chip.textContent(), 10), await listed(page, q)];
        if (shown === found) {
          break;
        }
        assert.ok(round < 30, `${shown} shown, ${found} listed by ${q}`);
        await page.waitForResponse(/metrics\/overall/);
      }
      await window.close();
    });

    test("a range of the chart is chosen by dragging, and reset", async () => {
      const window = await open(browser, place, `overview?at=${yesterday()}`);
      const { page } = window;
      await settled(page);
      const box = await page.locator(".plot .u-over").boundingBox();
      const hour = box.width / 24;
      await page.mouse.move(box.x + 8.2 * hour, box.y + 60);
      await page.mouse.down();
      await page.mouse.move(box.x + 9.5 * hour, box.y + 70, { steps: 4 });
      await page.mouse.move(box.x + 10.8 * hour, box.y + 60, { steps: 4 });
      // Also after the tooltip has followed.
      await page.locator(".tooltip").getByText("10:00").waitFor();
      await page.mouse.up();
      await page.waitForURL(/since=/);
      const { searchParams } = new URL(page.url());
      const [since, until] = ["since", "until"].map((name) => Date.parse(searchParams.get(name)));
      assert.equal(until - since, 3 * 3_600_000);
      const shown = new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, hour: "2-digit", minute: "2-digit" });
      assert.equal(shown.format(since), "08:00");
      await page.getByRole("heading", { name: "By quarter hour" }).waitFor();
      await page.getByText("Show as table").click();
      await eventually(async () => assert.equal(await page.locator(".as-table tbody tr").count(), 12));
      await assertAllOpen(page, "a range", 20);
      assert.deepEqual(await violations(page), []);
      await page.keyboard.press("Escape");
      await page.waitForURL((url) => !url.searchParams.has("since"));
      await page.goBack();
      await page.getByRole("button", { name: "Reset zoom" }).click();
      await page.waitForURL((url) => !url.searchParams.has("since") && url.searchParams.has("at"));
      await window.close();
    });

    test("a range is chosen with the keyboard, down to the records of a quarter hour", async () => {
      const window = await open(browser, place, `overview?at=${yesterday()}`);
      const { page } = window;
      await settled(page);
      const press = async (...keys) => {
        for (const key of keys) {
          await page.keyboard.press(key);
        }
      };
      await page.locator(".plot").focus();
      await press("ArrowRight", "ArrowRight", "Shift+ArrowRight", "Escape", "Shift+ArrowRight", "Enter");
      await page.waitForURL(/since=/);
      const { searchParams } = new URL(page.url());
      assert.equal(
        Date.parse(searchParams.get("until")) - Date.parse(searchParams.get("since")),
        2 * 3_600_000,
      );
      await page.getByRole("heading", { name: "By quarter hour" }).waitFor();
      await page.locator(".plot").focus();
      await press("ArrowRight", "Enter");
      await page.waitForURL(/timeline\?q=/);
      const q = new URL(page.url()).searchParams.get("q");
      const times = ["since", "until"].map((name) => Date.parse(new RegExp(`${name}:(\\S+)`).exec(q)[1]));
      assert.equal(times[1] - times[0], 15 * 60_000);
      await window.close();
    });

    test("a click on a bar lists its records", async () => {
      const window = await open(browser, place, `overview?at=${yesterday()}`);
      const { page } = window;
      await settled(page);
      const box = await page.locator(".plot .u-over").boundingBox();
      await page.mouse.click(box.x + (9.4 * box.width) / 24, box.y + 100);
      await page.waitForURL(/timeline\?q=/);
      const q = new URL(page.url()).searchParams.get("q");
      const metrics = await api(page, `metrics/overall?at=${yesterday()}&tz=${ZONE}`);
      assert.equal(await listed(page, q), metrics.history[9].count, q);
      await window.close();
    });

    test("figures are compared with the period before, which is named", async () => {
      const window = await open(browser, place, `overview?at=${yesterday()}`);
      const { page } = window;
      await settled(page);
      await page.getByText(/^Compared with/).waitFor();
      const metrics = await api(page, `metrics/overall?at=${yesterday()}&tz=${ZONE}`);
      const before = await api(page, `metrics/overall?at=${metrics.earlier}&tz=${ZONE}`);
      const card = page.locator(".card", { hasText: "Activities" });
      const text = await card.textContent();
      assert.ok(text.includes(`before ${before.current.count.toLocaleString("en")}`), text);
      // Nothing runs in the past.
      assert.equal(await page.getByText("Running now").count(), 0);
      await window.close();
    });

    for (const [theme, width] of [
      ["light", 1440],
      ["dark", 1024],
      ["light", 390],
    ]) {
      thorough(`breakdowns and ranges are accessible and fit, ${theme}, ${width} px wide`, async () => {
        const window = await open(browser, place, "overview", { theme, width });
        const { page } = window;
        for (const by of ["project", "error", "client"]) {
          await page.goto(new URL(`overview?window=week&by=${by}&all=1`, place).href);
          await settled(page);
          assert.deepEqual(await violations(page), [], by);
          const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok(over <= 0, `${by} is ${over} px wider than the window`);
        }
        await window.close();
      });
    }
  });
}
