// The first things that a user sees: an empty store, the token form, links that lead nowhere, and the titles of windows.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { launch, open, PLACES, record, violations } from "./browser.mjs";

const [place] = PLACES;
const { QUIET, LOCKED, TOKEN } = process.env;
const LOOKS = [
  { theme: "light", width: 1280 },
  { theme: "dark", width: 1280 },
  { theme: "light", width: 390 },
  { theme: "dark", width: 390 },
];

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Asserts that a page has no violations and no horizontal scrollbar. */
async function assertFine(page, what) {
  assert.deepEqual(await violations(page), [], what);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(over <= 0, `${what} is ${over} px wider than the window`);
}

describe("an empty store", () => {
  test("says how to record, and shows the first activity when it comes", async () => {
    for (const look of LOOKS) {
      for (const path of ["", "timeline"]) {
        const window = await open(browser, QUIET, path, look);
        await window.page.getByRole("heading", { name: "Waiting for the first activity" }).waitFor();
        assert.equal(await window.page.getByRole("heading", { name: "Breakdown" }).count(), 0);
        await assertFine(window.page, `${path} ${look.theme} ${look.width}`);
        await window.close();
      }
    }
    const overview = await open(browser, QUIET, "");
    const timeline = await open(browser, QUIET, "timeline");
    await timeline.page.getByRole("button", { name: "Live" }).waitFor();
    await record("first", "success");
    await timeline.page.locator(".row", { hasText: "first" }).waitFor();
    await overview.page.locator(".cards").waitFor();
    await overview.close();
    await timeline.close();
  });
});

describe("the token form", () => {
  const path = "timeline?q=status%3Afailed&live=off";

  test("leads to the address that was asked for, after a wrong token too", async () => {
    const window = await open(browser, LOCKED, path);
    const { page, faults } = window;
    const enter = async (token) => {
      await page.getByLabel("Token").fill(token);
      await page.getByRole("button", { name: "Sign in" }).click();
    };
    await enter("not-the-token-of-this-server");
    await page.getByRole("alert").waitFor();
    assert.match(await page.getByRole("alert").textContent(), /not valid/);
    await enter(TOKEN);
    await page.waitForURL(new URL(path, LOCKED).href);
    await page.getByRole("heading", { name: "Timeline" }).waitFor();
    // The browser logs the responses of status 401.
    assert.ok(
      faults.splice(0).every((fault) => fault.includes("401")),
      faults.join("\n"),
    );
    await window.close();
  });

  test("is shown where the user is when the token is no longer accepted", async () => {
    const window = await open(browser, LOCKED, `?token=${TOKEN}`);
    const { page, faults } = window;
    await page.goto(new URL(path, LOCKED).href);
    await page.locator(".count-running").waitFor();
    // At the request for the other filter: any one before it would lead to the form as well.
    const signOut = async (route) => {
      await page.context().clearCookies();
      await route.continue();
    };
    await page.route(/since%3A1h/, signOut, { times: 1 });
    await page.getByLabel("Time range").selectOption("1h");
    await page.waitForURL(/since%3A1h/);
    await page.getByLabel("Token").fill(TOKEN);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL((url) => url.searchParams.get("q") === "status:failed since:1h");
    await page.getByRole("heading", { name: "Timeline" }).waitFor();
    faults.splice(0);
    await window.close();
  });

  test("is accessible, also with its error", async () => {
    for (const look of LOOKS) {
      const window = await open(browser, LOCKED, path, look);
      await assertFine(window.page, look.theme);
      // The policy allows the style.
      assert.equal(
        await window.page.locator("button").evaluate((one) => getComputedStyle(one).cursor),
        "pointer",
      );
      await window.page.goto(new URL("timeline?token=wrong", LOCKED).href);
      await window.page.getByRole("alert").waitFor();
      await assertFine(window.page, `${look.theme}, after a wrong token`);
      window.faults.splice(0);
      await window.close();
    }
  });

  test("is not shown to a user who is signed in and follows a link of another site", async () => {
    const window = await open(browser, LOCKED, `?token=${TOKEN}`);
    const { page, faults } = window;
    const target = new URL("timeline?q=name%3Afirst", LOCKED).href;
    const other = createServer((_, response) => {
      response.setHeader("content-type", "text/html");
      response.end(`<h1>Chat</h1><a href="${target}">a link</a>`);
    });
    await new Promise((done) => other.listen(0, "localhost", done));
    await page.goto(`http://localhost:${other.address().port}/`);
    await page.getByRole("link").click();
    await page.getByRole("heading", { name: "Timeline" }).waitFor();
    assert.equal(page.url(), target);
    other.close();
    faults.splice(0);
    await window.close();
  });
});

describe("an address without a page", () => {
  test("is a page of status 404 that leads to the dashboard", async () => {
    for (const where of PLACES) {
      for (const path of ["nonsense", "timeline/more"]) {
        for (const look of LOOKS) {
          const window = await open(browser, where, "", look);
          const { page, faults } = window;
          const answer = await page.goto(new URL(path, where).href);
          assert.equal(answer.status(), 404);
          await page.getByRole("heading", { name: "Page not found" }).waitFor();
          await assertFine(page, path);
          await page.getByRole("link", { name: "Open the dashboard" }).click();
          await page.waitForURL(where);
          await page.getByRole("heading", { name: "Activity" }).waitFor();
          assert.ok(faults.splice(0).every((fault) => fault.includes("404")));
          await window.close();
        }
      }
    }
  });
});

describe("windows", () => {
  test("have titles that tell them apart", async () => {
    const window = await open(browser, place, "");
    const { page } = window;
    const { activities } = await page.evaluate(async () =>
      (await fetch("./api/activities?q=status:failed&limit=1")).json(),
    );
    const [failed] = activities;
    for (const [path, title] of [
      ["", "Activity"],
      ["timeline", "Timeline · Activity"],
      ["timeline?q=kind%3Ajob", "kind:job · Timeline · Activity"],
      ["events?q=type%3Alog", "type:log · Events · Activity"],
      ["health", "Health · Activity"],
      [`activity?id=${failed.id}`, `${failed.name} · failed · Activity`],
    ]) {
      await page.goto(new URL(path, place).href);
      await page.waitForFunction((expected) => document.title === expected, title);
    }
    await page.getByRole("link", { name: "Timeline", exact: true }).first().click();
    await page.waitForFunction(() => document.title === "Timeline · Activity");
    await window.close();
  });
});

describe("the export menu", () => {
  test("closes at a click elsewhere and at Escape, which do nothing else", async () => {
    const window = await open(browser, place, "timeline?live=off");
    const { page } = window;
    await page.locator(".row").first().waitFor();
    const links = page.getByRole("link", { name: /CSV/ });
    const url = page.url();
    await page.getByText("Export").click();
    await links.waitFor();
    await page.locator(".row-link").nth(8).click();
    await links.waitFor({ state: "hidden" });
    assert.equal(page.url(), url);
    await page.locator(".row-link").first().click();
    await page.getByRole("complementary").waitFor();
    await page.getByText("Export").click();
    await links.waitFor();
    await page.keyboard.press("Escape");
    await links.waitFor({ state: "hidden" });
    assert.ok(await page.getByRole("complementary").isVisible());
    await window.close();
  });
});
