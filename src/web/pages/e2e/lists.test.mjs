// Lists that are in use keep their place: while records arrive, and when the user comes back to them.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually, launch, open, PLACES, record, violations } from "./browser.mjs";

const [place] = PLACES;
const QUIET = process.env.QUIET;

let browser;
before(async () => {
  browser = await launch();
  for (const name of ["older", "old"]) {
    await record(name, "success");
  }
});
after(() => browser?.close());

/** Returns the names of the first rows. */
const names = (page, n) =>
  page.locator(".row-name").evaluateAll((all, to) => all.slice(0, to).map((one) => one.textContent), n);
const row = (page, name) => page.locator(".row", { hasText: name }).first();

describe("new rows", () => {
  test("appear at once in a list that is not in use", async () => {
    const window = await open(browser, QUIET, "timeline");
    const { page } = window;
    await page.getByRole("button", { name: "Live" }).waitFor();
    await record("appears", "success");
    await row(page, "appears").waitFor();
    assert.equal(await page.locator(".new-rows").count(), 0);
    await window.close();
  });

  for (const [use, begin, end] of [
    [
      "the pointer is over it",
      (page) => page.locator(".row").first().hover(),
      (page) => page.mouse.move(0, 0),
    ],
    ["a row is selected", (page) => page.keyboard.press("j"), (page) => page.keyboard.press("Escape")],
  ]) {
    test(`wait while ${use}`, async () => {
      const window = await open(browser, QUIET, "timeline");
      const { page } = window;
      await page.getByRole("button", { name: "Live" }).waitFor();
      await page.locator(".row").first().waitFor();
      await begin(page);
      const before = await names(page, 2);
      await record("waits", "success");
      await page.getByRole("button", { name: "1 new" }).waitFor();
      await record("waits too", "failed");
      const pill = page.getByRole("button", { name: "2 new" });
      await pill.waitFor();
      assert.deepEqual(await names(page, 2), before);
      assert.deepEqual(await violations(page), []);
      await pill.click();
      await eventually(async () => assert.deepEqual(await names(page, 4), ["waits too", "waits", ...before]));
      await record("waits again", "success");
      await page.getByRole("button", { name: "1 new" }).waitFor();
      await end(page);
      await page.mouse.move(0, 0);
      await page.getByRole("button", { name: "1 new" }).waitFor({ state: "detached" });
      await eventually(async () => assert.equal((await names(page, 1))[0], "waits again"));
      await window.close();
    });
  }

  test("wait while the list is scrolled, and the button scrolls to them", async () => {
    const window = await open(browser, QUIET, "timeline", { height: 360 });
    const { page } = window;
    await page.getByRole("button", { name: "Live" }).waitFor();
    await page.locator(".row").nth(6).waitFor();
    await page.evaluate(() => scrollTo(0, 60));
    await record("above", "success");
    const pill = page.getByRole("button", { name: "1 new" });
    await pill.waitFor();
    assert.ok(await pill.isVisible());
    await pill.click();
    await row(page, "above").waitFor();
    await page.waitForFunction(() => scrollY === 0);
    await window.close();
  });
});

describe("Back", () => {
  for (const [path, rows, target] of [
    ["timeline", ".row", "activity?id="],
    ["events?q=type:*", ".event-row", "timeline"],
  ]) {
    test(`returns to ${path} as it was left`, async () => {
      const window = await open(browser, place, path);
      const { page } = window;
      const loaded = () => page.locator(rows).count();
      await page.locator(rows).nth(40).waitFor();
      while ((await loaded()) < 140) {
        const was = await loaded();
        await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
        await page.waitForFunction(([of, n]) => document.querySelectorAll(of).length > n, [rows, was]);
      }
      await page.evaluate(() => scrollTo(0, 2_600));
      const top = () =>
        page.evaluate((of) => {
          const all = [...document.querySelectorAll(of)];
          const first = all.find((one) => one.getBoundingClientRect().top > 100);
          return [first.textContent, Math.round(first.getBoundingClientRect().top)];
        }, rows);
      if (target !== "timeline") {
        // A selected row is scrolled into view.
        await page.mouse.click(300, (await top())[1] + 10);
        await page.getByRole("complementary").waitFor();
      }
      const [before, at] = [await loaded(), await top()];
      if (target === "timeline") {
        await page.getByRole("link", { name: "Timeline" }).click();
      } else {
        await page.getByRole("complementary").getByRole("link", { name: "Open" }).click();
      }
      await page.waitForURL((url) => url.href.includes(target));
      await page.locator("h1").first().waitFor();
      await page.goBack();
      await page
        .locator(rows)
        .nth(before - 1)
        .waitFor();
      // Rows out of sight get their heights in the frames after the first.
      await eventually(async () => {
        const [text, where] = await top();
        assert.equal(text, at[0]);
        assert.ok(Math.abs(where - at[1]) <= 3, `${where} px, was ${at[1]} px`);
      });
      await window.close();
    });
  }

  test("returns to a list that has not missed what happened meanwhile", async () => {
    const window = await open(browser, QUIET, "timeline");
    const { page } = window;
    await page.locator(".row").first().waitFor();
    await page.getByRole("link", { name: "Health" }).click();
    await page.locator(".verdict").waitFor();
    await record("meanwhile", "success");
    await page.goBack();
    await row(page, "meanwhile").waitFor();
    await window.close();
  });
});

describe("Escape", () => {
  test("returns from an activity to the list before it, with its filter", async () => {
    const window = await open(browser, place, "timeline?q=kind%3Aturn");
    const { page } = window;
    await page.locator(".row").first().waitFor();
    await page.keyboard.press("j");
    await page.waitForURL(/id=/);
    const list = page.url();
    await page.keyboard.press("Enter");
    await page.waitForURL(/activity\?id=/);
    await page.getByRole("treeitem").nth(1).waitFor();
    assert.equal(
      await page
        .getByRole("navigation", { name: "Breadcrumb" })
        .getByRole("link")
        .first()
        .getAttribute("href"),
      `./${list.slice(place.length)}`,
    );
    await page.getByRole("treeitem").nth(1).click();
    await page.getByRole("complementary").getByRole("link", { name: "Open" }).click();
    await page.waitForURL((url) => !url.searchParams.has("step"));
    await page.locator("h1").waitFor();
    await page.keyboard.press("Escape");
    await page.waitForURL(list);
    await window.close();
  });

  test("stays inside the dashboard when the activity was opened from elsewhere", async () => {
    const window = await open(browser, place, "timeline");
    const { page } = window;
    const { activities } = await page.evaluate(async () => (await fetch("./api/activities?limit=1")).json());
    await page.goto("about:blank");
    await page.goto(new URL(`activity?id=${activities[0].id}`, place).href);
    await page.locator("h1").waitFor();
    await page.keyboard.press("Escape");
    await page.waitForURL(new URL("timeline", place).href);
    await page.locator(".row").first().waitFor();
    await window.close();
  });
});
