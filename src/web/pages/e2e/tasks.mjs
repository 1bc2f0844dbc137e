// Three tasks of a user, in a real browser, with the clicks, keystrokes and seconds that each takes:
// `node e2e/tasks.mjs URL`, of a dashboard over a messy store with recordings. Seconds are those of the pages: the script
// does not think. Each task is a list of steps; a task that the pages cannot do says why.

import { chromium } from "playwright-core";

const [place] = process.argv.slice(2);
if (place === undefined) {
  throw new Error("usage: node e2e/tasks.mjs URL");
}

/** The error in the row of the failed job, and the deepest one below it. */
const JOB = process.env.JOB ?? "the checkout tool failed";
const CAUSE = process.env.CAUSE ?? "insufficient_funds";
/** The recorded activity, and the step of it that failed. */
const RECORDED = process.env.RECORDED ?? "amazon_order";
const BROKEN = process.env.BROKEN ?? "amazon_pay";
/** How far a shared link may open from the moment, in milliseconds. */
const NEAR = 1_500;

const TASKS = {
  "find why last night's job failed": [
    ["open the failures of today", (user) => user.click(user.page.locator(".count-failed"))],
    ["select the job", (user) => user.click(user.page.locator(".row-link", { hasText: JOB }).first())],
    [
      "read the root cause",
      async ({ page }) => {
        const cause = page.locator(".cause").getByText(CAUSE).first();
        await cause.waitFor({ timeout: 10_000 });
        return cause.textContent();
      },
    ],
  ],
  "share the moment of a replay in which it broke": [
    ["open the timeline", (user) => user.click(user.page.getByRole("link", { name: "Timeline" }))],
    [
      "filter by activities with a recording",
      (user) => user.type(user.page.locator("#filter"), `has:recording name:${RECORDED}`),
    ],
    ["select one", (user) => user.click(user.page.locator(".row-link", { hasText: RECORDED }).first())],
    [
      "play its recording",
      (user) =>
        user.click(
          user.page
            .locator(".aside")
            .getByText(/Replay/)
            .first(),
        ),
    ],
    [
      "go to the failed step",
      async (user) => {
        await user.moment(user.page);
        await user.click(user.page.locator(".entry-link:has(.bad)", { hasText: BROKEN }).first());
        await user.page.locator(".player-time", { hasNotText: /^0:00(\.0)? / }).waitFor({ timeout: 10_000 });
        return `the moment is at ${await user.moment(user.page)} ms`;
      },
    ],
    [
      "copy the link of the moment, and open it elsewhere",
      async (user) => {
        const moment = await user.moment(user.page);
        await user.click(user.page.getByRole("button", { name: /^Copy link at/ }));
        const link = await user.page.evaluate(() => navigator.clipboard.readText());
        const other = await user.elsewhere(link);
        const shown = await user.moment(other);
        if (Math.abs(shown - moment) > NEAR) {
          throw new Impossible(`the link opens at ${shown} ms, the moment is at ${moment} ms`);
        }
        return `the link opens at ${shown} ms: ${link}`;
      },
    ],
  ],
  "find out whether errors rose since yesterday": [
    ["read the card of errors", (user) => user.read(user.page.locator(".card", { hasText: "Errors" }))],
    ["open the errors", (user) => user.click(user.page.getByRole("link", { name: "Errors", exact: true }))],
    ["read what is new", (user) => user.read(user.page.locator(".errors-sum"))],
  ],
};

/** The pages have no way to do the task. */
class Impossible extends Error {}

/** A user at a window, who counts what they do. */
class User {
  clicks = 0;
  typed = 0;

  constructor(browser, page) {
    this.browser = browser;
    this.page = page;
    this.click = this.click.bind(this);
  }

  async click(target) {
    this.clicks += 1;
    await target.click({ timeout: 10_000 });
  }

  /** Types a text and presses Enter: one group of keystrokes, after a click into the field. */
  async type(target, text) {
    await this.click(target);
    this.typed += 1;
    await target.fill(text);
    await target.press("Enter");
  }

  async read(target) {
    await target.first().waitFor({ timeout: 10_000 });
    const texts = await target
      .first()
      .locator("*")
      .evaluateAll((all) => all.filter((one) => one.childElementCount === 0).map((one) => one.textContent));
    return texts.join(" ");
  }

  /** Opens a link in a window of its own, as its recipient does. */
  async elsewhere(url) {
    const page = await (await this.browser.newContext()).newPage();
    await page.goto(url);
    return page;
  }

  /** Returns the time that a replay shows, in milliseconds. */
  async moment(page) {
    await page.locator(".play:not([disabled])").waitFor({ timeout: 10_000 });
    return Math.round(Number(await page.getByLabel("Time", { exact: true }).inputValue()));
  }
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--headless", "--no-sandbox", "--disable-gpu"],
});
for (const [task, steps] of Object.entries(TASKS)) {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const user = new User(browser, await context.newPage());
  await user.page.goto(place);
  await user.page.locator("h1").first().waitFor();
  console.log(`\n${task}`);
  const start = performance.now();
  let result = "done";
  for (const [label, act] of steps) {
    try {
      const said = await act(user);
      console.log(`  ${label}${typeof said === "string" ? `: ${said}` : ""}`);
    } catch (cause) {
      const [line] = String(cause.message).split("\n");
      console.log(`  ${label}: ${line}`);
      result = cause instanceof Impossible ? "cannot be done" : "failed";
      break;
    }
  }
  const seconds = ((performance.now() - start) / 1_000).toFixed(1);
  console.log(`  ${result}: ${user.clicks} clicks, ${user.typed} groups of keystrokes, ${seconds} s`);
  await context.close();
}
await browser.close();
