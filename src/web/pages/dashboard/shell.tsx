import type { ComponentChildren } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";
import { getJson } from "./data/api";
import { countedHref } from "./data/counted";
import { HAS_ZONES, IS_UTC, switchZone, ZONE } from "./data/dates";
import { count } from "./data/format";
import { useLoad } from "./data/load";
import type { ActivityPage as ActivityList, Metrics, Period, StoreResponse } from "./data/records";
import { href, type Page, type Route, useRoute } from "./data/route";
import { setTitle } from "./data/title";
import { ActivityPage } from "./pages/activity";
import { ErrorsPage } from "./pages/errors";
import { EventsPage } from "./pages/events";
import { HealthPage } from "./pages/health";
import { McpPage } from "./pages/mcp";
import { Overview } from "./pages/overview";
import { ReplayPage } from "./pages/replay";
import { Timeline } from "./pages/timeline";
import { Help, openHelp } from "./parts/help";
import { useKeys } from "./parts/keys";
import { StoreLink, storeText } from "./parts/store";
import { setTheme, THEMES, theme } from "./theme";

const TABS: readonly [Page, string][] = [
  ["overview", "Activity"],
  ["timeline", "Timeline"],
  ["errors", "Errors"],
  ["mcp", "MCP"],
  ["replay", "Replay"],
  ["events", "Events"],
  ["health", "Health"],
];

/** The maximum number of running activities to count. */
const MAX_RUNNING = 200;

/** Counts in the header: running activities, and failures of today. */
interface Counts {
  running: number;
  more: boolean;
  failed: number | null;
  /** The span of today that is counted. */
  today: Period;
}

async function loadCounts(signal: AbortSignal): Promise<Counts> {
  const [running, today] = await Promise.all([
    getJson<ActivityList>("activities", { q: "status:running", limit: MAX_RUNNING }, signal),
    getJson<Metrics>("metrics/overall", { window: "day", step: "day", tz: ZONE }, signal),
  ]);
  return {
    running: running.activities.length,
    more: running.next !== null,
    failed: today.current.failed,
    today: today.counted,
  };
}

/** The header with tabs, and the page below it. */
export function Shell() {
  const place = useRoute();
  const now = useLoad("counts", loadCounts, { changing: 10_000 });
  const store = useLoad("store", (signal) => getJson<StoreResponse>("store", {}, signal), {
    changing: 60_000,
  }).data;
  const tab: Page = place.page === "activity" ? "timeline" : place.page;
  useKeys({ "?": openHelp });
  // Before the effects of the page, which may have a better title.
  useLayoutEffect(() => {
    const label = TABS.find(([page]) => page === place.page)?.[1] ?? "Details";
    setTitle(place.page === "overview" ? "" : label);
  }, [place.page]);
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <header class="top">
        <a class="logo" href={href("overview")} aria-label="Activity home">
          <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
            <rect width="32" height="32" rx="8" />
            <path d="M5 17h5l3-8 6 15 3-7h5" />
          </svg>
        </a>
        <nav class="tabs" aria-label="Pages">
          {TABS.map(([page, label]) => (
            <a key={page} href={href(page)} aria-current={page === tab ? "page" : undefined}>
              {label}
            </a>
          ))}
        </nav>
        <div class="counts">
          <StoreLink store={store} />
          {now.data !== null && (
            <>
              <Count href={href("timeline", { q: "status:running" })} kind="running">
                {count(now.data.running)}
                {now.data.more && "+"} running
              </Count>
              <Count
                href={countedHref(undefined, now.data.today, "status:failed")}
                kind={(now.data.failed ?? 0) > 0 ? "failed" : "calm"}
              >
                {count(now.data.failed)} failed today
              </Count>
            </>
          )}
          {now.problem !== null && <span class="count count-lost">disconnected</span>}
        </div>
        <div class="choices">
          {HAS_ZONES && <ZoneChoice />}
          <button
            type="button"
            class="icon-button wide-only"
            aria-label="Keyboard shortcuts"
            title="Keyboard shortcuts (?)"
            onClick={openHelp}
          >
            ?
          </button>
          <ThemeChoice />
        </div>
      </header>
      <main id="main" class={`page page-${place.page}`} tabIndex={-1}>
        <Routed place={place} running={now.data?.running ?? null} store={store} />
      </main>
      {store !== null && store.name !== null && place.page !== "health" && (
        <footer class="store-text narrow-only">{storeText(store)}</footer>
      )}
      <Help page={place.page} />
    </>
  );
}

function Routed(shown: { place: Route; running: number | null; store: StoreResponse | null }) {
  const { place, running, store } = shown;
  switch (place.page) {
    case "overview":
      return <Overview params={place.params} running={running} />;
    case "timeline":
      return <Timeline params={place.params} />;
    case "errors":
      return <ErrorsPage params={place.params} />;
    case "mcp":
      return <McpPage params={place.params} />;
    case "activity":
      return <ActivityPage params={place.params} />;
    case "replay":
      return <ReplayPage params={place.params} />;
    case "events":
      return <EventsPage params={place.params} />;
    case "health":
      return <HealthPage store={store} />;
  }
}

function Count({ href: to, kind, children }: { href: string; kind: string; children: ComponentChildren }) {
  return (
    <a class={`count count-${kind}`} href={to}>
      <span class="count-dot" aria-hidden="true" />
      <span class="num">{children}</span>
    </a>
  );
}

/** Switches between UTC and the time zone of the viewer. */
function ZoneChoice() {
  const label = IS_UTC ? "UTC times; switch to local time" : `Local times (${ZONE}); switch to UTC`;
  return (
    <button
      type="button"
      class="icon-button zone wide-only"
      onClick={switchZone}
      aria-label={label}
      title={label}
    >
      {IS_UTC ? "UTC" : "Local"}
    </button>
  );
}

function ThemeChoice() {
  const [now, setNow] = useState(theme);
  const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length] ?? "auto";
  const choose = () => {
    setTheme(next);
    setNow(next);
  };
  return (
    <button
      type="button"
      class="icon-button theme"
      onClick={choose}
      aria-label={`Theme: ${now}; switch to ${next}`}
      title={`Theme: ${now}`}
    >
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        {now === "light" && (
          <path d="M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6ZM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1" />
        )}
        {now === "dark" && <path d="M13.5 9.8A6 6 0 0 1 6.2 2.5a6 6 0 1 0 7.3 7.3Z" />}
        {now === "auto" && <path d="M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2ZM8 2v12M8 5l5 -1M8 8h6M8 11l5 1" />}
      </svg>
    </button>
  );
}
