// Recordings: playback, and live.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { api, launch, open, PLACES } from "./browser.mjs";

/** Advances the live session. */
async function next(step) {
  const answer = await fetch(new URL(step, process.env.CONTROL));
  assert.equal(answer.status, 200);
  return answer.text();
}

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

for (const place of PLACES) {
  describe(`under ${new URL(place).pathname}`, { concurrency: false }, () => {
    test("a recording plays tab by tab, with marks", async () => {
      const window = await open(browser, place, "replay");
      const { page } = window;
      await page
        .getByRole("link", { name: /amazon_order/ })
        .last()
        .click();
      const player = page.frameLocator(".replay-frame");
      const shown = player.frameLocator("iframe");
      await player.getByRole("button", { name: "Play" }).waitFor();
      await shown.getByText("Oak tables").waitFor();
      await player
        .getByRole("button", { name: /amazon_pay/ })
        .first()
        .click();
      await shown.getByText("Oak table no. 3").waitFor();
      await player.getByLabel("Speed").selectOption("8");
      await player.getByRole("button", { name: "Play" }).click();
      await shown.getByText("Oak table no. 8").waitFor();
      // It has played to the end.
      await player.getByRole("button", { name: "Play" }).waitFor();
      await player.getByLabel("Skip inactivity").uncheck();
      await page.getByRole("button", { name: "tab 2" }).click();
      await page.waitForURL(/track=tab/);
      await shown.getByText("Order", { exact: true }).waitFor();
      await window.close();
    });

    test("marks are at the times of the API, and seek there", async () => {
      const window = await open(browser, place, "replay");
      const { page } = window;
      const found = await api(page, "activities?q=name:amazon_order+has:recording");
      const { id } = found.activities.at(-1);
      await page.goto(new URL(`replay?id=of&activity=${id}`, place).href);
      const player = page.frameLocator(".replay-frame");
      await player.getByRole("button", { name: "Play" }).waitFor();
      const details = await api(page, `activities/${id}`);
      const bar = player.getByLabel("Time");
      const total = Number(await bar.getAttribute("max"));
      const start = Date.parse(details.recordings[0].started_at);
      const part = async (mark) =>
        Number.parseFloat((await mark.getAttribute("style")).match(/left: ([\d.]+)%/)[1]);
      const near = (of, at) => Math.abs(of - (100 * (Date.parse(at) - start)) / total) < 1;
      for (const step of details.tree.filter((one) => one.name === "amazon_pay")) {
        const kind = step.status === "failed" ? "failed" : "activity";
        const mark = player.getByRole("button", { name: new RegExp(`^Go to ${kind} amazon_pay`) });
        assert.equal(await mark.count(), 1);
        assert.ok(near(await part(mark), step.started_at), step.started_at);
      }
      const events = player.getByRole("button", { name: /^Go to event opened the page/ });
      assert.equal(await events.count(), details.events.length);
      const last = details.events.at(-1);
      assert.ok(near(await part(events.last()), last.at), last.at);
      await events.last().click();
      await page.waitForFunction(
        ([of, at]) => {
          const seek = document
            .querySelector(".replay-frame")
            .contentDocument.querySelector("input[type=range]");
          return Math.abs(Number(seek.value) - at) < of / 100;
        },
        [total, Date.parse(last.at) - start],
      );
      await window.close();
    });

    test("a live recording is shown live, tab by tab, and can be replayed once it has ended", async () => {
      const id = await next("begin");
      const window = await open(browser, place, `replay?id=of&activity=${id}`);
      const { page } = window;
      const player = page.frameLocator(".replay-frame");
      const shown = player.frameLocator("iframe");
      await player.getByText("Live", { exact: true }).waitFor();
      await shown.getByText("Live shop").waitFor();
      for (const n of [1, 2, 3]) {
        await next("grow");
        await shown.getByText(`Oak table no. ${n},`).waitFor();
      }
      await next("tab");
      await page.getByRole("button", { name: "tab 2" }).click();
      await shown.getByText("Checkout").waitFor();
      await page.getByRole("button", { name: "tab 1" }).click();
      await shown.getByText("Oak table no. 3,").waitFor();
      await next("end");
      await player.getByRole("button", { name: "Play" }).waitFor();
      await player.getByRole("button", { name: /^Go to event looked at table no. 2 / }).waitFor();
      await player.getByLabel("Speed").selectOption("8");
      await player.getByRole("button", { name: "Play" }).click();
      await shown.getByText("Oak table no. 3,").waitFor();
      await window.close();
    });
  });
}
