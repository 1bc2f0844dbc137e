// Hostile records are displayed and execute nothing in the viewer's browser.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { api, launch, open, PLACES } from "./browser.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Collects requests to other hosts that no policy blocked. */
async function collectRequests({ page }) {
  const requests = [];
  await page.route(/evil\.example/, (route) => {
    requests.push(route.request().url());
    return route.abort();
  });
  return requests;
}

/** Asserts that no script ran and no other host was contacted. */
async function assertUnharmed({ page, faults }, requests, path) {
  assert.equal(await page.evaluate(() => globalThis.owned), undefined, path);
  assert.deepEqual(requests, [], path);
  // The browser logs what the policy blocks.
  const blocked = /Content Security Policy|sandboxed|ERR_BLOCKED_BY_CSP|evil\.example/;
  const bad = faults.splice(0).filter((fault) => !blocked.test(fault));
  assert.deepEqual(bad, [], path);
}

for (const place of PLACES) {
  describe(`under ${new URL(place).pathname}`, { concurrency: false }, () => {
    test("markup and scripts in names, arguments, errors and events are text", async () => {
      const window = await open(browser, place, "");
      const { page } = window;
      const requests = await collectRequests(window);
      const { id } = (await api(page, "activities?q=name:hostile*")).activities[0];
      for (const [path, seen] of [
        [`timeline?q=name:hostile*&id=${id}`, ".aside-name"],
        [`activity?id=${id}`, "h1"],
        ["events?q=type:hostile*", ".event-summary"],
        ["overview?by=brand", "#breakdown"],
      ]) {
        await page.goto(new URL(path, place).href);
        await page.locator(seen).first().waitFor();
        for (const summary of await page.locator("main summary").all()) {
          await summary.click();
        }
        if (!path.startsWith("overview")) {
          assert.match(
            await page.locator(seen).first().textContent(),
            /<script>top\.owned=1<\/script>/,
            path,
          );
        }
        await assertUnharmed(window, requests, path);
      }
      assert.equal(await page.locator("main a[href^='javascript:']").count(), 0);
      await window.close();
    });

    test("a recorded page runs no script and makes no request", async () => {
      const window = await open(browser, place, "");
      const { page } = window;
      const requests = await collectRequests(window);
      const { id } = (await api(page, "activities?q=name:hostile*")).activities[0];
      await page.goto(new URL(`replay?id=of&activity=${id}`, place).href);
      const player = page.frameLocator(".replay-frame");
      await player.frameLocator("iframe").first().getByText("A foreign page").waitFor();
      await player.getByRole("button", { name: "Play" }).click();
      await player.getByText("0:00 / 0:00").waitFor();
      await assertUnharmed(window, requests, "replay");
      await window.close();
    });

    test("no page of another origin frames ours", async () => {
      const context = await browser.newContext();
      const page = await context.newPage();
      await page.setContent(
        `<iframe src="${place}"></iframe><iframe src="${new URL("replay.html", place)}"></iframe>`,
      );
      for (const frame of page.frames().slice(1)) {
        await frame.waitForLoadState();
        assert.equal(await frame.locator("#main, #player").count(), 0, frame.url());
      }
      await context.close();
    });
  });
}
