// The states of the dashboard that pictures are taken of and accessibility is checked in.

import { api } from "./browser.mjs";

/** Returns the name and the address of each state: those of records only if the store has such records. */
export async function states(page) {
  const found = async (q) => {
    const list = await api(page, `activities?limit=1&q=${encodeURIComponent(q)}`);
    return list.activities?.[0]?.id ?? null;
  };
  const failed = (await found("status:failed has:parent")) ?? (await found("status:failed"));
  const recorded = (await found("name:shop_check_out has:recording")) ?? (await found("has:recording"));
  const deep = (await found('name:"level 0"')) ?? (await found("kind:job")) ?? (await found("is:root"));
  const missing = "00000000-0000-7000-8000-000000000000";
  const of = (id, path) => (id === null ? null : path(id));
  const all = [
    ["overview", "overview"],
    ["overview-week", "overview?window=week&by=error&all=1"],
    ["overview-nothing", "overview?at=2001-01-01"],
    ["timeline", "timeline"],
    ["timeline-selected", of(failed, (id) => `timeline?q=status:failed&id=${id}`)],
    ["timeline-failed", "timeline?q=status:failed+since:7d"],
    ["timeline-nothing", "timeline?q=name:nothing_is_called_so"],
    ["timeline-invalid", "timeline?q=colour:red"],
    ["errors", "errors?window=week"],
    ["errors-nothing", "errors?at=2001-01-01"],
    ["mcp", "mcp?window=week"],
    ["mcp-nothing", "mcp?at=2001-01-01"],
    ["activity", of(deep, (id) => `activity?id=${id}`)],
    ["activity-failed", of(failed, (id) => `activity?id=${id}`)],
    ["activity-missing", `activity?id=${missing}`],
    ["replays", "replay"],
    ["replay", of(recorded, (id) => `replay?id=of&activity=${id}&t=3`)],
    ["replay-missing", `replay?id=${missing}`],
    ["events", "events"],
    ["events-log", "events?q=type:*"],
    ["health", "health"],
  ];
  return all.filter(([, path]) => path !== null);
}

/** Waits until a state is shown. */
export async function shown(page) {
  await page.locator("h1, h2").first().waitFor();
  await page.locator(".waiting").first().waitFor({ state: "detached" });
}
