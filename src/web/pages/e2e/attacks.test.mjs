// Hostile records are displayed, and execute and contact nothing in the viewer's browser.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { api, launch, open, PLACES } from "./browser.mjs";

let browser;
before(async () => {
  browser = await launch(`--log-net-log=${process.env.NET_LOG}`);
});
after(async () => {
  await browser?.close();
  // Every name that the browser resolves, and every address that it connects to. The test counts connections to a socket, too.
  const log = readFileSync(process.env.NET_LOG, "utf8");
  assert.match(log, /HOST_RESOLVER/);
  assert.doesNotMatch(log, /evil\.example/);
});

/** Asserts that no script ran. */
async function assertUnharmed({ page, faults }, path) {
  assert.equal(await page.evaluate(() => globalThis.owned), undefined, path);
  // The browser reports what the policy blocks, and media that the end of the recording stops. Whether it does is seen from outside: by the socket and in the log.
  const blocked =
    /Content Security Policy|sandboxed|ERR_BLOCKED_BY_CSP|request to another host|The play\(\) request was interrupted/;
  const bad = faults.splice(0).filter((fault) => !blocked.test(fault));
  assert.deepEqual(bad, [], path);
}

for (const place of PLACES) {
  describe(`under ${new URL(place).pathname}`, { concurrency: false }, () => {
    test("markup and scripts in names, arguments, errors and events are text", async () => {
      const window = await open(browser, place, "");
      const { page } = window;
      const { id } = (await api(page, "activities?q=name:hostile*")).activities[0];
      for (const [path, seen] of [
        [`timeline?q=name:hostile*&id=${id}`, ".aside-name"],
        [`activity?id=${id}`, "h1"],
        ["events?q=type:hostile*", ".event-summary"],
        ["overview?by=brand", "#breakdown"],
      ]) {
        await page.goto(new URL(path, place).href);
        await page.locator(seen).first().waitFor();
        for (const summary of await page.locator("main summary:visible").all()) {
          await summary.click();
        }
        if (!path.startsWith("overview")) {
          assert.match(
            await page.locator(seen).first().textContent(),
            /<script>top\.owned=1<\/script>/,
            path,
          );
        }
        await assertUnharmed(window, path);
      }
      assert.equal(await page.locator("main a[href^='javascript:']").count(), 0);
      await window.close();
    });

    test("a recorded page runs no script and opens no connection", async () => {
      const window = await open(browser, place, "");
      const { page } = window;
      const { id } = (await api(page, "activities?q=name:hostile*")).activities[0];
      await page.goto(new URL(`replay?id=of&activity=${id}`, place).href);
      const player = page.frameLocator(".replay-frame");
      await player.frameLocator("iframe").first().getByText("A foreign page").waitFor();
      await page.getByRole("button", { name: "Play", exact: true }).click();
      await page.getByRole("button", { name: "Copy link at 0:00.5" }).waitFor();
      assert.match(await page.locator(".entry-list").textContent(), /<script>top\.owned=1<\/script>/);
      await assertUnharmed(window, "replay");
      await window.close();
    });

    test("a recorded terminal shows text and does nothing else", async () => {
      const window = await open(browser, place, "");
      const { page } = window;
      const { id } = (await api(page, "activities?q=name:terminal_of_an_attacker")).activities[0];
      await page.goto(new URL(`replay?id=of&activity=${id}&t=1`, place).href);
      const rows = page.frameLocator(".replay-frame").locator(".xterm-rows");
      await rows.getByText("<script>top.owned=1</script>").waitFor();
      const link = rows.getByText("a link");
      // The terminal takes the clicks.
      await link.hover({ force: true });
      await link.click({ force: true });
      await rows.getByText("the end").waitFor();
      assert.match(await page.locator(".entry-list").textContent(), /<script>top\.owned=1<\/script>/);
      const before = await page.evaluate(() => navigator.clipboard.readText());
      assert.doesNotMatch(before, /owned/);
      assert.doesNotMatch(await page.title(), /owned/);
      await assertUnharmed(window, "terminal");
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
