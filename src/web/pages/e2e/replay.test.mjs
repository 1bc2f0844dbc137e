// Recordings: playback, and live.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { api, launch, open, PLACES, violations } from "./browser.mjs";

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

/** Opens the recording of the last activity with a name. */
async function replay(page, place, name, more = "") {
  const found = await api(page, `activities?q=name:${name}+has:recording`);
  const { id } = found.activities[0];
  await page.goto(new URL(`replay?id=of&activity=${id}${more}`, place).href);
  await page.getByRole("button", { name: "Play", exact: true }).and(page.locator(":enabled")).waitFor();
  return api(page, `activities/${id}`);
}

/** Waits until the position is within 0.3 s of a time. */
async function waitForTime(page, seconds) {
  await page.waitForFunction(
    (at) => Math.abs(Number(document.querySelector(".seek-slider input")?.value) / 1000 - at) < 0.3,
    seconds,
  );
}

const seek = (page) => page.getByRole("slider", { name: "Time" });
const shown = (page) => page.frameLocator(".replay-frame").frameLocator("iframe");
const play = (page) => page.getByRole("button", { name: "Play", exact: true });
const row = (page, name) => page.locator(".entry").getByRole("button", { name });

for (const place of PLACES) {
  describe(`under ${new URL(place).pathname}`, { concurrency: false }, () => {
    test("the list has one row for each recording, by day, and is filtered by call", async () => {
      const window = await open(browser, place, "replay");
      const { page } = window;
      const rows = page.locator(".row-link");
      await page
        .getByRole("link", {
          name: /shop_login, shop_search, shop_add_to_cart, shop_check_out.*4 calls, 1 failed.*33\.0 s/,
        })
        .waitFor();
      await page.getByRole("link", { name: /run_tests.*terminal.*12\.0 s/ }).waitFor();
      await page.locator(".day", { hasText: "Today" }).waitFor();
      const filter = page.getByRole("combobox", { name: "Filter" });
      await filter.fill("status:failed name:shop_check_out");
      await filter.press("Enter");
      await page.waitForURL(/q=status/);
      await page.waitForFunction(() => document.querySelectorAll(".row-link").length === 1);
      await rows.getByText("the card was refused").waitFor();
      await window.close();
    });

    test("a recording plays tab by tab", async () => {
      const window = await open(browser, place, "replay");
      const { page } = window;
      await page
        .getByRole("link", { name: /amazon_order/ })
        .first()
        .click();
      await shown(page).getByText("Oak tables").waitFor();
      await row(page, /^\S+ step amazon_pay$/)
        .first()
        .click();
      await shown(page).getByText("Oak table no. 3").waitFor();
      await page.getByLabel("Speed").selectOption("8");
      await play(page).click();
      await shown(page).getByText("Oak table no. 8").waitFor();
      // It has played to the end.
      await play(page).waitFor();
      await page.getByLabel("Skip inactivity").uncheck();
      await page.getByRole("button", { name: "tab 2" }).click();
      await page.waitForURL(/track=tab/);
      await shown(page).getByText("Order", { exact: true }).waitFor();
      await window.close();
    });

    test("a call of a shared session is played from its own start, beside the others", async () => {
      const window = await open(browser, place, "");
      const { page } = window;
      const details = await replay(page, place, "shop_check_out");
      const [recording] = details.recordings;
      assert.equal(recording.links.length, 4);
      const start = Date.parse(recording.started_at);
      const own = recording.links.find((one) => one.activity === details.id);
      await waitForTime(page, (Date.parse(own.from) - start) / 1_000);
      // The link is to the recording.
      await page.waitForURL((url) => url.searchParams.get("id") === recording.id);
      const part = async (locator, name) =>
        Number.parseFloat((await locator.getAttribute("style")).match(new RegExp(`${name}: ([\\d.]+)%`))[1]);
      const total = Number(await seek(page).getAttribute("max"));
      const near = (of, at) => Math.abs(of - (100 * (Date.parse(at) - start)) / total) < 1;
      assert.ok(near(await part(page.locator(".seek-own"), "left"), own.from));
      for (const link of recording.links) {
        const { name } = await api(page, `activities/${link.activity}`);
        const mark = page.getByRole("button", { name: new RegExp(`^Go to call ${name}, `) });
        assert.ok(near(await part(mark, "left"), link.from), name);
        await mark.click();
        await waitForTime(page, (Date.parse(link.from) - start) / 1_000);
      }
      await window.close();
    });

    test("the position is in the address, and a link to it is copied", async () => {
      const window = await open(browser, place, "");
      const { page } = window;
      await replay(page, place, "shop_check_out", "&t=18.5");
      await waitForTime(page, 18.5);
      await seek(page).fill("28300");
      await page.waitForURL(/t=28\.3/);
      await page.getByRole("button", { name: "Copy link at 0:28.3" }).click();
      await page.getByText("Copied").waitFor();
      const copied = await page.evaluate(() => navigator.clipboard.readText());
      assert.equal(copied, page.url());
      await page.goto(copied);
      await waitForTime(page, 28.3);
      await page.getByLabel("Skip inactivity").uncheck();
      await seek(page).fill("10000");
      await page.waitForURL(/t=10\.0/);
      await play(page).click();
      await page.waitForFunction(() => Number(document.querySelector(".seek-slider input").value) > 10_500);
      await page.getByRole("button", { name: "Pause" }).click();
      await page.waitForURL((url) => Number(url.searchParams.get("t")) > 10.4);
      await window.close();
    });

    test("what happened is listed, and each row seeks", async () => {
      const window = await open(browser, place, "");
      const { page } = window;
      await replay(page, place, "shop_check_out");
      for (const [name, seconds] of [
        [/call shop_login$/, 0],
        [/input Input into input “E-mail”/, 2.2],
        [/click Click on button “Sign in”/, 4.5],
        [/console info: signed in/, 5.2],
        [/event opened the page of `shop_search`/, 8],
        [/navigation https:\/\/amazon.example/, 29.4],
        [/call shop_check_out failed · denied · the card was refused/, 33],
      ]) {
        await row(page, name).last().click();
        await waitForTime(page, seconds);
      }
      const clicks = page.getByRole("button", { name: /^Clicks 3/ });
      await clicks.click();
      await clicks.and(page.locator("[aria-pressed=false]")).waitFor();
      await page.locator(".tick-click:not(.tick-sign)").first().waitFor({ state: "detached" });
      await row(page, /Click on/)
        .first()
        .waitFor({ state: "detached" });
      await window.close();
    });

    test("messages of the console are filtered by level", async () => {
      const window = await open(browser, place, "");
      const { page } = window;
      await replay(page, place, "shop_check_out");
      const error = row(page, /error: POST \/payments: 402/);
      await error.waitFor();
      await row(page, /info: signed in/).waitFor();
      await page.getByRole("button", { name: /^Console 1/ }).click();
      await row(page, /info: signed in/).waitFor({ state: "detached" });
      await error.waitFor();
      await page.getByRole("button", { name: /^Console errors 1/ }).click();
      await error.waitFor({ state: "detached" });
      await window.close();
    });

    test("a recording that is not stored says so, and its title names one that is", async () => {
      const window = await open(browser, place, "");
      const { page, faults } = window;
      await replay(page, place, "shop_check_out");
      await page.waitForFunction(() => document.title === "shop_check_out · Replay · Activity");
      for (const id of ["00000000-0000-7000-8000-000000000000", "nonsense"]) {
        await page.goto(new URL(`replay?id=${id}`, place).href);
        await page.getByRole("heading", { name: "Recording not found" }).waitFor();
        assert.equal(await page.getByRole("button", { name: "Retry" }).count(), 0);
      }
      assert.ok(faults.splice(0).every((fault) => fault.includes("404")));
      await window.close();
    });

    test("what the user does first is not undone by the first position", async () => {
      const window = await open(browser, place, "");
      const { page, faults } = window;
      const found = await api(page, "activities?q=name:shop_check_out+has:recording");
      // At once when the controls can be used, in the same task.
      await page.addInitScript(() => {
        new MutationObserver(() => {
          const play = document.querySelector(".play:not([disabled])");
          const slider = document.querySelector(".seek-slider input");
          if (play !== null && slider !== null && !window.sought) {
            window.sought = true;
            slider.value = "5000";
            slider.dispatchEvent(new Event("input", { bubbles: true }));
          }
        }).observe(document, { subtree: true, childList: true, attributes: true });
      });
      await page.goto(new URL(`replay?id=of&activity=${found.activities[0].id}&t=20`, place).href);
      await page.waitForFunction(() => window.sought);
      await waitForTime(page, 5);
      await page.waitForURL(/t=5\.0/);
      await waitForTime(page, 5);
      // The script of the test is blocked in the recorded pages.
      assert.ok(faults.splice(0).every((fault) => fault.includes("Blocked script execution")));
      await window.close();
    });

    test("keys work on the page and in the frame, and the controls are in view", async () => {
      for (const [width, height] of [
        [1280, 800],
        [390, 844],
      ]) {
        const window = await open(browser, place, "", { width, height });
        const { page } = window;
        await replay(page, place, "shop_check_out", "&t=10.0");
        await waitForTime(page, 10);
        const box = await page.locator(".controls").boundingBox();
        assert.ok(box.y + box.height <= height, `${width}: ${box.y} + ${box.height}`);
        assert.deepEqual(await violations(page), []);
        for (const focus of ["body", ".replay-frame", ".seek-slider input"]) {
          await seek(page).fill("10000");
          await page.locator(focus).focus();
          await page.keyboard.press("ArrowRight");
          await waitForTime(page, 15);
          await page.keyboard.press("ArrowLeft");
          await waitForTime(page, 10);
          await page.keyboard.press("Shift+ArrowRight");
          await waitForTime(page, 33);
          await page.keyboard.press("Shift+ArrowLeft");
          await waitForTime(page, 3);
          await page.keyboard.press(".");
          await page.waitForFunction(() => document.querySelector("select[aria-label=Speed]").value === "2");
          await page.keyboard.press(",");
          await page.keyboard.press(" ");
          await page.getByRole("button", { name: "Pause" }).waitFor();
          await page.keyboard.press(" ");
          await play(page).waitFor();
        }
        await seek(page).fill("10000");
        await page.keyboard.press("m");
        await waitForTime(page, 15);
        await page.keyboard.press("f");
        await page.waitForFunction(() => document.fullscreenElement?.className === "player");
        await page.getByRole("button", { name: "Exit full screen" }).click();
        await page.waitForFunction(() => document.fullscreenElement === null);
        await window.close();
      }
    });

    test("a terminal is played", async () => {
      const window = await open(browser, place, "");
      const { page } = window;
      await replay(page, place, "run_tests");
      const terminal = page.frameLocator(".replay-frame").locator(".xterm-rows");
      await seek(page).fill("4100");
      await terminal.getByText("harvest::case_3").waitFor();
      assert.equal(await terminal.getByText("prune::case_4").count(), 0);
      await page.getByLabel("Speed").selectOption("16");
      await play(page).click();
      await terminal.getByText("7 passed; 1 failed").waitFor();
      await play(page).waitFor();
      // Seeking back writes the output again, before the terminal has shown it: it must not be there twice.
      await seek(page).evaluate((slider) => {
        for (const at of ["12000", "2000", "12000", "2000", "3000"]) {
          slider.value = at;
          slider.dispatchEvent(new Event("input", { bubbles: true }));
        }
      });
      await terminal.getByText("graft::case_2").waitFor();
      await terminal.getByText("harvest::case_3").waitFor({ state: "detached" });
      assert.equal(await terminal.getByText("water::case_1").count(), 1);
      await seek(page).fill("2000");
      await terminal.getByText("graft::case_2").waitFor({ state: "detached" });
      await terminal.getByText("water::case_1").waitFor();
      assert.equal(await terminal.getByText("graft::case_2").count(), 0);
      await row(page, /marker end of the run/).click();
      await terminal.getByText("7 passed; 1 failed").waitFor();
      await window.close();
    });

    test("a live recording is shown live, tab by tab, and can be replayed once it has ended", async () => {
      const id = await next("begin");
      const window = await open(browser, place, `replay?id=of&activity=${id}`);
      const { page } = window;
      await page.getByText("Live", { exact: true }).waitFor();
      await shown(page).getByText("Live shop").waitFor();
      for (const n of [1, 2, 3]) {
        await next("grow");
        await shown(page).getByText(`Oak table no. ${n},`).waitFor();
      }
      await next("tab");
      await page.getByRole("button", { name: "tab 2" }).click();
      await shown(page).getByText("Checkout").waitFor();
      await page.getByRole("button", { name: "tab 1" }).click();
      await shown(page).getByText("Oak table no. 3,").waitFor();
      await next("end");
      await play(page).waitFor();
      await row(page, /event looked at table no. 2/).waitFor();
      await page.getByLabel("Speed").selectOption("8");
      await play(page).click();
      await shown(page).getByText("Oak table no. 3,").waitFor();
      await window.close();
    });
  });
}
