// Takes the screenshots of the README: `node screenshots.mjs FOLDER`, of the dashboard at DASHBOARDS.

import { join } from "node:path";
import { api, launch, open, PLACES } from "./browser.mjs";

const [folder = "."] = process.argv.slice(2);
const [place] = PLACES;
const browser = await launch();
const { page, close } = await open(browser, place, "");
const recorded = (await api(page, "activities?q=has:recording&limit=1")).activities[0].id;
const shared = (await api(page, "activities?q=name:shop_check_out+has:recording&limit=1")).activities[0].id;
const failed = (await api(page, "activities?q=status:failed+kind:tool&limit=1")).activities[0].id;
await close();

const shown = {
  overview: "overview",
  timeline: `timeline?id=${failed}`,
  activity: `activity?id=${recorded}`,
};
for (const [name, path] of Object.entries({
  ...shown,
  errors: "errors?window=week",
  replay: `replay?id=of&activity=${shared}&t=28.5`,
})) {
  for (const theme of ["light", "dark"]) {
    const window = await open(browser, place, path, { theme, height: 800, zone: "UTC" });
    await window.page.locator(".waiting").first().waitFor({ state: "detached" });
    await window.page.evaluate(() => scrollTo(0, 0));
    // Waits for the last chart and row: a live page never becomes idle.
    await window.page.waitForTimeout(1_500);
    await window.page.screenshot({ path: join(folder, `${name}-${theme}.png`) });
    await window.close();
  }
}
await browser.close();
