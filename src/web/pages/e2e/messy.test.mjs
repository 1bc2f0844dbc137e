// Long, blank and right-to-left names, deep and long trees, and large payloads leave every page readable.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { api, eventually, launch, open, PLACES, violations } from "./browser.mjs";

const WIDTHS = [1280, 1024, 390];

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Returns the widths of elements, and how far they reach beyond the window. */
function boxes(page, selector) {
  return page.locator(selector).evaluateAll((all) =>
    all.map((one) => {
      const { left, right, width } = one.getBoundingClientRect();
      return { text: one.textContent, width, over: Math.max(right - innerWidth, -left) };
    }),
  );
}

async function first(page, name) {
  const found = await api(page, `activities?q=${encodeURIComponent(`name:"${name}"`)}&limit=1`);
  return found.activities[0].id;
}

for (const place of PLACES) {
  describe(`under ${new URL(place).pathname}`, { concurrency: false }, () => {
    for (const width of WIDTHS) {
      test(`names leave room for figures, ${width} px wide`, async () => {
        const window = await open(browser, place, "timeline?live=off&q=name:x*,an*,*rev*", { width });
        const { page } = window;
        await page.locator(".row").nth(20).waitFor();
        for (const figure of await boxes(page, ".row-took, .row-time, .row-name")) {
          assert.ok(figure.over <= 0 && figure.width >= 40, `${figure.text} ${figure.over} ${figure.width}`);
        }
        for (const message of await boxes(page, ".row-failed .row-message")) {
          assert.ok(message.width >= 100, `${message.text}: ${message.width}`);
        }
        assert.deepEqual(await violations(page), []);
        await page.goto(new URL("overview", place).href);
        await page.locator(".figures tbody tr").nth(5).waitFor();
        for (const figure of await boxes(page, "table.figures td:not(.wide-only)")) {
          assert.ok(figure.over <= 0, `${figure.text} is ${figure.over} px outside`);
        }
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(over <= 0, `${over} px wider than the window`);
        await window.close();
      });

      test(`names in a tree of 60 levels are readable, ${width} px wide`, async () => {
        const window = await open(browser, place, "", { width });
        const { page } = window;
        await page.goto(new URL(`activity?id=${await first(page, "level 0")}`, place).href);
        const tree = page.getByRole("tree");
        await page.getByRole("treeitem", { name: /level 10/ }).waitFor();
        await tree.evaluate((element) => {
          element.scrollTop = element.scrollHeight;
        });
        await page.getByRole("treeitem", { name: /level 59/ }).waitFor();
        for (const name of await boxes(page, ".fall-text")) {
          assert.ok(name.width >= 40 && name.over <= 0, `${name.text}: ${name.width}`);
        }
        // Parents of the topmost row stay in view.
        await eventually(async () => assert.equal(await page.locator(".fall-pinned").count(), 3));
        const ticks = await boxes(page, ".fall-axis span");
        assert.ok(ticks.length >= 2);
        const lefts = await page
          .locator(".fall-axis span")
          .evaluateAll((all) =>
            all.map((one) => one.getBoundingClientRect()).map(({ left, right }) => [left, right]),
          );
        lefts.slice(1).forEach(([left], n) => {
          assert.ok(left >= lefts[n][1], `${ticks[n].text} and ${ticks[n + 1].text} collide`);
        });
        await window.close();
      });
    }

    test("blank names say so, and names that turn the direction of text are escaped", async () => {
      const window = await open(browser, place, "timeline?live=off&q=kind:tool+project:project-*");
      const { page } = window;
      await page.locator(".row-name", { hasText: "(blank: ␣)" }).first().waitFor();
      await page.locator(".row-name", { hasText: "\\u{202e}reversed\\u{202c} override" }).first().waitFor();
      await page.locator(".row-name", { hasText: "name\\nwith\\tcontrols" }).first().waitFor();
      await page.locator(".row-name bdi", { hasText: "بحث عن" }).first().waitFor();
      await page.locator(".row-name", { hasText: "(blank: ␣)" }).first().click();
      await page.getByRole("complementary", { name: "Details of (blank: ␣)" }).waitFor();
      await window.close();
    });

    test("repeated steps are folded, and a failed one is shown in the middle", async () => {
      const window = await open(browser, place, "");
      const { page } = window;
      await page.goto(new URL(`activity?id=${await first(page, "equal steps")}`, place).href);
      const group = page.getByRole("treeitem", { name: /upsert × 400, 2 failed.*p95/ });
      await group.waitFor();
      assert.equal(await group.getAttribute("aria-expanded"), "false");
      assert.equal(await page.getByRole("treeitem").count(), 2);
      await page
        .locator(".errors")
        .getByRole("button", { name: /upsert/ })
        .last()
        .click();
      await page.waitForURL(/step=/);
      const selected = page.locator("[role=treeitem][aria-selected=true]");
      await selected.locator(".status-failed").waitFor();
      await eventually(async () => {
        const [row, tree] = [await selected.boundingBox(), await page.getByRole("tree").boundingBox()];
        const part = (row.y - tree.y) / tree.height;
        assert.ok(part > 0.3 && part < 0.7, `${part}`);
      });
      // Zoom, and back.
      const bar = selected.locator(".fall-bar");
      const before = (await bar.boundingBox()).width;
      await page.getByRole("button", { name: "Zoom to step" }).click();
      await page.getByRole("button", { name: "Reset zoom" }).waitFor();
      await eventually(async () => assert.ok((await bar.boundingBox()).width > 10 * before));
      await page.getByRole("tree").focus();
      await page.keyboard.press("z");
      await page.getByRole("button", { name: "Zoom to step" }).waitFor();
      await eventually(async () => assert.equal((await bar.boundingBox()).width, before));
      // Its parent is the group.
      await page.keyboard.press("ArrowLeft");
      await page.keyboard.press("ArrowLeft");
      await page.waitForFunction(() => document.querySelectorAll("[role=treeitem]").length === 2);
      assert.deepEqual(await violations(page), []);
      await window.close();
    });

    test("a large payload is exact, and can be searched, folded, copied and downloaded", async () => {
      const window = await open(browser, place, "");
      const { page } = window;
      const id = await first(page, "payloads");
      const response = await page.evaluate(async (at) => (await fetch(`./api/activities/${at}`)).text(), id);
      const stored = JSON.parse(response).input.text;
      assert.ok(stored.length > 100_000 && stored.includes("9007199254740993"));
      await page.goto(new URL(`activity?id=${id}`, place).href);
      const input = page.getByRole("region", { name: /^Input/ });
      const lines = input.locator(".line");
      await lines.first().waitFor();
      // Only those near the window are in the document.
      assert.ok((await lines.count()) < 500);
      const [one, two] = [stored.indexOf('"1"'), stored.indexOf('"2"')];
      const texts = await lines.evaluateAll((all) => all.slice(0, 12).map((line) => line.textContent.trim()));
      assert.equal(texts.indexOf('"1": "a",') < texts.indexOf('"2": "b",'), one < two);
      assert.ok(texts.some((text) => text.startsWith('"big": 9007199254740993')));
      assert.ok(texts.some((text) => text.includes('"price": 249.5')));
      await input.getByRole("searchbox").fill('"row": 1777');
      await input.getByText("1 of 1").waitFor();
      await input.locator(".line-current mark").waitFor();
      await eventually(async () => {
        const found = await input.locator(".line-current").boundingBox();
        const frame = await input.locator(".code").boundingBox();
        assert.ok(found.y > frame.y && found.y < frame.y + frame.height);
      });
      await input.getByRole("searchbox").fill("");
      await input.getByRole("button", { name: "Fold all" }).click();
      await input.getByText("2,000 items").or(input.getByText("2000 items")).waitFor();
      assert.ok((await lines.count()) < 10);
      // A match unfolds what it is in.
      await input.getByRole("searchbox").fill('"row": 42,');
      await input.locator(".line-current mark").waitFor();
      await input.getByRole("button", { name: "Copy" }).click();
      await input.getByText("Copied").waitFor();
      await eventually(async () =>
        assert.equal(await page.evaluate(() => navigator.clipboard.readText()), stored),
      );
      const download = page.waitForEvent("download");
      await input.getByRole("button", { name: "Download" }).click();
      const file = await download;
      assert.equal(file.suggestedFilename(), "payloads-input.json");
      assert.equal(readFileSync(await file.path(), "utf8"), stored);
      const wrap = page.getByRole("region", { name: /^Output/ }).getByRole("button", { name: "Wrap" });
      await wrap.click();
      await wrap.and(page.locator("[aria-pressed=false]")).waitFor();
      assert.deepEqual(await violations(page), []);
      await window.close();
    });

    test("attributes have their keys exactly, and link to a filter that finds them", async () => {
      const window = await open(browser, place, "");
      const { page } = window;
      const id = await first(page, "payloads");
      for (const [key, value] of [
        ["http.response.status_code", "402"],
        ['Odd key: "quoted"', "a value"],
      ]) {
        await page.goto(new URL(`activity?id=${id}`, place).href);
        const term = page.locator(".attributes dt", { hasText: key });
        await term.waitFor();
        assert.equal(await term.textContent(), key);
        assert.equal(
          await term.evaluate((one) => getComputedStyle(one, "::first-letter").textTransform),
          "none",
        );
        await page.locator(".attributes").getByRole("link", { name: value }).click();
        await page.waitForURL(/timeline\?q=attr/);
        await page.locator(".row-name", { hasText: "payloads" }).waitFor();
        await page.waitForFunction(() => document.querySelectorAll(".row").length === 1);
      }
      await window.close();
    });
  });
}
