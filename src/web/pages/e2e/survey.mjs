// Takes a picture of every state of a dashboard at three widths, light and dark, and checks its accessibility:
// `node survey.mjs FOLDER [STATE…]`, of the dashboard at DASHBOARDS. Fails if axe finds a violation, or a page is wider than
// its window.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launch, open, PLACES, violations } from "./browser.mjs";
import { shown, states } from "./states.mjs";

const WIDTHS = [1440, 1024, 390];
const THEMES = ["light", "dark"];

const [folder = "target/screenshots", ...chosen] = process.argv.slice(2);
const [place] = PLACES;
mkdirSync(folder, { recursive: true });
const browser = await launch();
const first = await open(browser, place, "");
const all = await states(first.page);
await first.context.close();
const wanted = all.filter(([name]) => chosen.length === 0 || chosen.includes(name));
const faults = [];
let runs = 0;
for (const theme of THEMES) {
  for (const width of WIDTHS) {
    const look = { theme, width, height: width < 500 ? 844 : 900, zone: "Europe/Berlin" };
    const window = await open(browser, place, "", look);
    for (const [name, path] of wanted) {
      const what = `${name}-${width}-${theme}`;
      await window.page.goto(new URL(path, place).href);
      await shown(window.page);
      // Charts and recordings: a live page never becomes idle.
      await window.page.waitForTimeout(name === "replay" ? 2_500 : 800);
      await window.page.screenshot({ path: join(folder, `${what}.png`) });
      const over = await window.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (over > 0) {
        faults.push(`${what} is ${over} px wider than its window`);
      }
      faults.push(...(await violations(window.page)).map((one) => `${what}: ${one}`));
      runs += 1;
    }
    await window.context.close();
  }
}
await browser.close();
console.log(`${runs} pictures and checks, ${faults.length} faults`);
if (faults.length > 0) {
  console.log(faults.join("\n"));
  process.exit(1);
}
