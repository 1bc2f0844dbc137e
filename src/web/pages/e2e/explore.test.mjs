// What narrows the timeline: its chart, facets and saved views; and the time zone and the help of the keyboard.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { api, eventually, launch, open, PLACES, violations } from "./browser.mjs";

const [place] = PLACES;

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Counts the ended activities of a filter. */
async function listed(page, q) {
  let [n, cursor] = [0, null];
  do {
    const query = new URLSearchParams({ limit: "1000", q: `${q} -status:running` });
    if (cursor !== null) {
      query.set("cursor", cursor);
    }
    const list = await api(page, `activities?${query}`);
    n += list.activities.length;
    cursor = list.next;
  } while (cursor !== null);
  return n;
}

const q = (page) => new URL(page.url()).searchParams.get("q") ?? "";
const filter = (page) => page.getByRole("combobox", { name: "Filter" });

describe("the timeline", () => {
  // A span that has ended, so that its numbers stay.
  const since = new Date(Math.floor(Date.now() / 900_000) * 900_000 - 30 * 3_600_000).toISOString();
  const until = new Date(Date.parse(since) + 12 * 3_600_000).toISOString();
  const span = `since:${since} until:${until}`;

  test("has facets whose numbers are those of the list, and which narrow it", async () => {
    // Of a whole day: at night there are few failures.
    const day = `since:${since} until:${new Date(Date.parse(since) + 24 * 3_600_000).toISOString()}`;
    const window = await open(browser, place, `timeline?live=off&rows=all&q=${encodeURIComponent(day)}`);
    const { page } = window;
    const facet = (label) => page.locator(".facet", { has: page.getByRole("heading", { name: label }) });
    for (const label of ["Status", "Names", "Projects", "Actors", "Agents"]) {
      const link = facet(label).getByRole("link").first();
      await link.waitFor();
      const [text, n] = await link
        .locator("span")
        .evaluateAll((all) => [all[0].textContent, Number(all.at(-1).textContent.replaceAll(",", ""))]);
      const to = new URL(await link.getAttribute("href"), page.url()).searchParams.get("q");
      assert.equal(await listed(page, to), n, `${label} ${text}: ${to}`);
    }
    assert.deepEqual(await violations(page), []);
    const project = facet("Projects").getByRole("link").first();
    await project.click();
    await page.waitForURL(/project%3A%3D/);
    const chosen = facet("Projects").locator("a[aria-current=true]");
    await chosen.waitFor();
    await facet("Status")
      .getByRole("link", { name: /failed/ })
      .click();
    await page.waitForURL(/status%3Afailed/);
    await page.locator(".row-failed").first().waitFor();
    await chosen.click();
    await page.waitForURL((url) => !url.search.includes("project"));
    assert.ok(q(page).includes("status:failed"));
    await page.getByRole("button", { name: "Facets" }).click();
    await page.locator(".facets").waitFor({ state: "detached" });
    await window.close();
  });

  test("has a chart: a bar lists its activities, and a range is zoomed into", async () => {
    const window = await open(browser, place, `timeline?live=off&rows=all&q=${encodeURIComponent(span)}`);
    const { page } = window;
    const plot = page.locator(".timechart .u-over");
    const box = await plot.boundingBox();
    const hour = box.width / 12;
    await page.mouse.move(box.x + 2.3 * hour, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + 4.6 * hour, box.y + 30, { steps: 4 });
    await page.mouse.up();
    await page.waitForURL((url) => !url.searchParams.get("q").includes(since));
    const times = ["since", "until"].map((name) => Date.parse(new RegExp(`${name}:(\\S+)`).exec(q(page))[1]));
    const [from, to] = times.map((at) => (at - Date.parse(since)) / 3_600_000);
    // Whole hours of the zone, which need not begin where the span does.
    assert.ok(from > 1.2 && from < 2.4 && to > 4.5 && to < 5.7, `${from} to ${to}`);
    await page.locator(".row").first().waitFor();
    await page.goBack();
    await page.waitForURL((url) => url.searchParams.get("q").includes(since));
    await page.locator(".timechart .plot").focus();
    for (const key of ["ArrowRight", "ArrowRight", "Enter"]) {
      await page.keyboard.press(key);
    }
    await page.waitForURL((url) => !url.searchParams.get("q").includes(until));
    assert.deepEqual(await violations(page), []);
    await window.close();
  });

  test("keeps filters as views, which outlive the window", async () => {
    const window = await open(browser, place, "timeline?live=off");
    const { page } = window;
    await filter(page).fill("status:failed kind:tool");
    await filter(page).press("Enter");
    await page.getByRole("button", { name: "Save view" }).click();
    await page.getByRole("button", { name: "Saved", exact: true }).waitFor();
    await page.getByRole("button", { name: "Clear filter" }).click();
    await page.waitForURL((url) => !url.searchParams.has("q"));
    await page.reload();
    const view = page.getByRole("button", { name: "status:failed kind:tool", exact: true });
    await view.click();
    await page.waitForURL(/q=status%3Afailed/);
    await view.and(page.locator("[aria-pressed=true]")).waitFor();
    assert.deepEqual(await violations(page), []);
    // Other pages have views of their own.
    await page.getByRole("link", { name: "Events" }).click();
    await page.locator(".event-row").first().waitFor();
    assert.equal(await page.locator(".view").count(), 0);
    await page.goBack();
    await page.getByRole("button", { name: /^Remove saved view/ }).click();
    await page.locator(".view").waitFor({ state: "detached" });
    await window.close();
  });
});

describe("the filter", () => {
  test("takes keys that follow a completion or another filter at once", async () => {
    const window = await open(browser, place, "timeline?live=off");
    const { page } = window;
    const field = filter(page);
    await field.fill("sta");
    await page.getByRole("option", { name: /status:/ }).waitFor();
    await page.keyboard.press("ArrowDown");
    // In one task: no frame is painted between the keys.
    await field.evaluate((input) => {
      const press = (key) => input.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      press("Enter");
      return Promise.resolve().then(() => {
        document.execCommand("insertText", false, "failed");
        press("Enter");
      });
    });
    await page.waitForURL((url) => url.searchParams.get("q") === "status:failed");
    assert.equal(await field.inputValue(), "status:failed");
    await field.fill("not applied");
    await page.getByRole("button", { name: "Clear filter" }).click();
    await eventually(async () => assert.equal(await field.inputValue(), ""));
    await window.close();
  });
});

describe("everywhere", () => {
  test("times are in the zone of the viewer, or in UTC", async () => {
    const window = await open(browser, place, "timeline?live=off&q=kind%3Ajob", { zone: "Asia/Kathmandu" });
    const { page } = window;
    const time = page.locator(".row time").first();
    const at = new Date(await time.getAttribute("datetime"));
    const clock = (timeZone) =>
      new Intl.DateTimeFormat("en-GB", { timeZone, timeStyle: "medium" }).format(at);
    assert.equal(await time.textContent(), clock("Asia/Kathmandu"));
    await page.getByRole("button", { name: /^Local times \(Asia\/Kat.*switch to UTC$/ }).click();
    await page
      .locator(".row time", { hasText: clock("UTC") })
      .first()
      .waitFor();
    const asked = page.waitForRequest(/metrics\/overall/);
    await page.getByRole("link", { name: "Activity", exact: true }).click();
    assert.equal(new URL((await asked).url()).searchParams.get("tz"), "UTC");
    await page.getByRole("button", { name: /switch to local time$/ }).click();
    await page.getByRole("button", { name: /switch to UTC$/ }).waitFor();
    await window.close();
  });

  test("a question mark lists the keys of the page, and Escape only closes them", async () => {
    const window = await open(browser, place, "timeline?live=off");
    const { page } = window;
    await page.locator(".row").first().waitFor();
    await page.keyboard.press("j");
    await page.waitForURL(/id=/);
    await page.keyboard.press("?");
    const help = page.getByRole("dialog", { name: "Keyboard shortcuts" });
    await help.getByText("select the next or previous row").waitFor();
    assert.deepEqual(await violations(page), []);
    await page.keyboard.press("Escape");
    await help.waitFor({ state: "hidden" });
    assert.ok(new URL(page.url()).searchParams.has("id"));
    await page.getByRole("button", { name: "Keyboard shortcuts" }).click();
    await help.waitFor();
    await page.mouse.click(5, 5);
    await help.waitFor({ state: "hidden" });
    await window.close();
  });

  test("a tree shows its critical path and self times", async () => {
    const window = await open(browser, place, "");
    const { page } = window;
    const { id } = (await api(page, "activities?q=name:amazon_order+has:recording&limit=1")).activities[0];
    await page.goto(new URL(`activity?id=${id}`, place).href);
    await page.getByRole("treeitem", { name: /amazon_search/ }).waitFor();
    await page.getByRole("button", { name: "Critical path" }).click();
    await page
      .getByRole("button", { name: "Critical path" })
      .and(page.locator("[aria-pressed=true]"))
      .waitFor();
    // Its three steps follow each other.
    assert.equal(await page.locator(".fall-aside").count(), 0);
    const took = page.getByRole("treeitem").first().locator(".fall-took");
    assert.equal(await took.textContent(), "24.0 s");
    await page.getByRole("button", { name: "Self time" }).click();
    await eventually(async () => assert.match(await took.textContent(), /^(0 ns|\d+ (ns|µs|ms))$/));
    await window.close();
  });
});
