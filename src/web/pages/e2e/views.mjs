// The first view of each page, in a real browser: `node e2e/views.mjs URL [ROUNDS]`. For each it prints the time from the request
// of the document until the last answer that the page asked for at once, and the slowest answer: the first time, then the
// median of the rounds. Each round is a new window without a cache.

import { chromium } from "playwright-core";

const [place, rounds = "5"] = process.argv.slice(2);
if (place === undefined) {
  throw new Error("usage: node e2e/views.mjs URL [ROUNDS]");
}

/** The page is complete when it has asked nothing for this long. */
const QUIET_MS = 400;

const { activities } = await (await fetch(new URL("api/activities?limit=1&q=is:root", place))).json();
const [newest] = activities;
const VIEWS = [
  "overview",
  "overview?window=week",
  "overview?window=month",
  `overview?window=month&scope=project:${newest.project.name ?? newest.project}`,
  "timeline",
  "timeline?rows=all",
  "timeline?q=status:failed",
  `timeline?q=project:${newest.project.name ?? newest.project}`,
  "timeline?q=ticket7",
  "errors",
  "errors?window=month",
  "mcp",
  "mcp?window=month",
  `activity?id=${newest.id}`,
  "events",
  "replay",
  "health",
];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--headless", "--no-sandbox", "--disable-gpu"],
});

/** Opens a view in a window of its own. Returns its milliseconds, and those of its slowest answer. */
async function view(path) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  const open = new Map();
  const answers = [];
  let last = 0;
  const isAsked = (request) => !request.url().includes("/api/live");
  page.on("request", (request) => isAsked(request) && open.set(request, performance.now()));
  const ended = (request) => {
    if (open.has(request)) {
      last = performance.now();
      answers.push([last - open.get(request), new URL(request.url()), request.failure()?.errorText]);
      open.delete(request);
    }
  };
  page.on("requestfinished", ended);
  page.on("requestfailed", ended);
  const start = performance.now();
  await page.goto(new URL(path, place).href);
  while (open.size > 0 || performance.now() - last < QUIET_MS) {
    await page.waitForTimeout(20);
  }
  await context.close();
  const [slowest] = answers.sort(([one], [other]) => other - one);
  const failed = answers.filter(([, , failure]) => failure !== undefined);
  return { ms: last - start, slowest, failed, count: answers.length };
}

const middle = (values) => values.sort((one, other) => one - other)[Math.floor(values.length / 2)];
const text = (ms) => `${ms.toFixed(0).padStart(6)} ms`;

for (const path of VIEWS) {
  const first = await view(path);
  const later = [];
  for (let round = 0; round < Number(rounds); round += 1) {
    later.push(await view(path));
  }
  const [took, url] = later[0].slowest;
  console.log(
    `${path.padEnd(40)} first ${text(first.ms)} (${text(first.slowest[0])}), then ${text(middle(later.map(({ ms }) => ms)))} ` +
      `(${text(took)}: ${url.pathname.split("/").slice(-2).join("/")}${url.search}) ${first.count} requests` +
      `${first.failed.length > 0 ? ` FAILED ${first.failed.map(([, at]) => at.pathname)}` : ""}`,
  );
}
await browser.close();
