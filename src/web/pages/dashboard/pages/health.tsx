import { getJson } from "../data/api";
import { time } from "../data/dates";
import { bytes, count, plural } from "../data/format";
import { useLoad } from "../data/load";
import type {
  Accounting,
  Counts,
  Growth,
  HealthResponse,
  InstanceHealth,
  StoreResponse,
} from "../data/records";
import { CheckPanel, difference } from "../parts/lastcheck";
import { isMissed, Logs } from "../parts/logs";
import { LoadError, Skeleton } from "../parts/states";
import { storeText } from "../parts/store";
import { Targets } from "../parts/targets";
import { useNow, When } from "../parts/time";
import { Webhooks } from "../parts/webhooks";

/** Without an answer for this long, in milliseconds, the health is unknown. */
const SILENT = 30_000;

/** The health of the store: accounting, growth, retention, logs, webhooks and writers. */
export function HealthPage({ store }: { store: StoreResponse | null }) {
  const { data, problem, loadedAt, reload } = useLoad(
    "health",
    (signal) => getJson<HealthResponse>("health", {}, signal),
    { changing: 5_000, idle: 10_000 },
  );
  const silent = useNow() - (loadedAt ?? 0) > SILENT;
  return (
    <>
      <header class="page-head">
        <h1>Health</h1>
        {store !== null && store.name !== null && <p class="dim store-text">{storeText(store)}</p>}
      </header>
      {data !== null ? (
        <Shown health={data} staleSince={problem !== null || silent ? loadedAt : null} />
      ) : problem !== null ? (
        <LoadError what="health" problem={problem} retry={reload} />
      ) : (
        <Skeleton what="health" />
      )}
    </>
  );
}

/** Returns the counts of losses. */
function losses(counts: Counts): [string, number][] {
  return Object.entries(counts).filter(
    ([name, n]) => n > 0 && /^(rejected|lost|late|not_durable|redactor)/.test(name),
  );
}

/** Returns the counts of each kind of record. */
function byKind(accounting: Accounting): [string, Counts][] {
  const { events, recordings, ...activities } = accounting;
  return [
    ["Activities", { ...activities }],
    ["Events", { ...events }],
    ["Recordings", { ...recordings }],
  ];
}

function Shown({ health, staleSince }: { health: HealthResponse; staleSince: number | null }) {
  const alive = health.instances.filter((one) => one.alive);
  const lost = health.instances
    .flatMap((one) => byKind(one.accounting))
    .flatMap(([, counts]) => losses(counts));
  const { logs } = health;
  const total = lost.reduce((sum, [, n]) => sum + n, 0) + (logs?.refused ?? 0);
  const missed = logs?.list.filter(isMissed) ?? [];
  const warns = total > 0 || missed.length > 0 || staleSince !== null;
  const grade = !health.ok ? "bad" : warns ? "warn" : "good";
  const check = health.last_check;
  const differing = check === null ? 0 : check.missing + check.surplus;
  return (
    <>
      <section class={`verdict verdict-${grade}`} role="status">
        <b>
          {staleSince !== null
            ? "No response from the server"
            : differing > 0 && check !== null
              ? difference(check)
              : !health.ok
                ? "Accounting does not add up"
                : total > 0
                  ? `${plural(total, "record")} lost or incomplete`
                  : missed.length > 0
                    ? `${plural(missed.length, "log")} not heard of, with ${plural(waiting(missed), "record")} to be forwarded`
                    : "All records accounted for"}
        </b>
        <span>
          {staleSince !== null
            ? `Last known state, of ${time(new Date(staleSince).toISOString())}.`
            : `${writers(alive.length)}${missed.length > 0 && total > 0 ? ` ${plural(missed.length, "log")} not heard of.` : ""}`}
        </span>
      </section>
      <dl class="cards">
        {(
          [
            ["Activities", count(health.activities), "ended, in the store"],
            ["Events", count(health.events), "in the store"],
            ["Running", count(health.running), "in progress"],
            ["Abandoned", count(health.abandoned), "process ended first"],
            ["Size", bytes(health.bytes), meanSize(health)],
            ["Index lag", count(health.unindexed), "not yet searchable by index"],
          ] as const
        ).map(([label, value, more]) => (
          <div class="card" key={label}>
            <dt>{label}</dt>
            <dd>
              <b class="num">{value}</b>
              <span>{more}</span>
            </dd>
          </div>
        ))}
      </dl>
      {logs === null ? <CheckPanel check={check} /> : <Logs logs={logs} losses={byLog(health.instances)} />}
      {health.accounting !== null && <AccountingPanel accounting={health.accounting} />}
      {health.growth !== null && <GrowthPanel growth={health.growth} />}
      <Retention retention={health.retention} />
      <Targets targets={health.targets} />
      {health.webhooks !== undefined && <Webhooks webhooks={health.webhooks} />}
      <Instances instances={health.instances} />
    </>
  );
}

/** Returns the number of records that are on the machines of these logs only. */
function waiting(logs: { waiting: number }[]): number {
  return logs.reduce((sum, one) => sum + one.waiting, 0);
}

/** Describes the losses of an instance. */
function lossesOf({ accounting }: InstanceHealth): string[] {
  return byKind(accounting).flatMap(([name, counts]) =>
    losses(counts).map(([key, n]) => `${count(n)} ${name.toLowerCase()} ${key.replaceAll("_", " ")}`),
  );
}

/** Describes the losses of the instances of each log that has any. */
function byLog(instances: InstanceHealth[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const one of instances) {
    const lost = lossesOf(one);
    if (one.log !== null && lost.length > 0) {
      found.set(one.log, [...(found.get(one.log) ?? []), ...lost]);
    }
  }
  return found;
}

/** Describes the number of writing processes. */
function writers(n: number): string {
  return n === 0 ? "No active writers." : `${plural(n, "active writer")}.`;
}

function meanSize(health: HealthResponse): string {
  const records = health.activities + health.events;
  return records === 0
    ? "no records yet"
    : `${bytes(Math.round(health.bytes / records))} per record, including indexes`;
}

/** The accounting of the server's own log. */
function AccountingPanel({ accounting }: { accounting: Accounting }) {
  return (
    <section class="panel" aria-labelledby="ledger">
      <div class="panel-head">
        <h2 id="ledger">Accounting</h2>
        <p class="dim">this process, since it started</p>
      </div>
      <div class="ledger">
        {byKind(accounting).map(([name, counts]) => {
          const always = ["started", "recorded", "open", "committed", "waiting"];
          const shown = Object.entries(counts).filter(([key, n]) => n > 0 || always.includes(key));
          const started = counts.started ?? counts.recorded ?? 0;
          return (
            <section key={name} aria-label={name}>
              <h3>{name}</h3>
              <span class="meter" aria-hidden="true">
                {(["committed", "waiting", "open"] as const).map((key) => (
                  <span
                    key={key}
                    class={`meter-${key}`}
                    style={{ width: `${started === 0 ? 0 : (100 * (counts[key] ?? 0)) / started}%` }}
                  />
                ))}
              </span>
              <dl class="fields">
                {shown.map(([key, n]) => (
                  <>
                    <dt>{key.replaceAll("_", " ")}</dt>
                    <dd class={`num ${losses({ [key]: n }).length > 0 ? "bad" : ""}`}>{count(n)}</dd>
                  </>
                ))}
              </dl>
              {losses(counts).length === 0 && <p class="dim">no losses</p>}
            </section>
          );
        })}
      </div>
    </section>
  );
}

/** The growth of the store by field. */
function GrowthPanel({ growth }: { growth: Growth }) {
  const { activities_per_day, events_per_day, chunks_per_day, fields } = growth;
  const sorted = [...fields].sort((a, b) => b.bytes_per_day - a.bytes_per_day);
  const most = Math.max(1, ...sorted.map((one) => one.bytes_per_day));
  return (
    <section class="panel" aria-labelledby="growth">
      <div class="panel-head">
        <h2 id="growth">Storage growth</h2>
        <p class="dim">
          last 24 hours: {plural(activities_per_day, "activity", "activities")},{" "}
          {plural(events_per_day, "event")}
          {chunks_per_day > 0 && <>, {plural(chunks_per_day, "recording chunk")}</>}
        </p>
      </div>
      {sorted.length === 0 ? (
        <p class="dim quiet">Recent records have only IDs, names, times and scope.</p>
      ) : (
        <div class="table-scroll" role="group" tabIndex={0} aria-label="Growth by field">
          <table class="figures">
            <thead>
              <tr>
                <th scope="col">Field</th>
                <th scope="col" class="right">
                  Average
                </th>
                <th scope="col" class="right">
                  Per day
                </th>
                <th scope="col" class="wide-only">
                  <span class="sr-only">Comparison</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {sorted.map((one) => (
                <tr key={`${one.of} ${one.field}`}>
                  <th scope="row">
                    {one.field} <span class="dim">{one.of === "chunk" ? "recording" : one.of}</span>
                  </th>
                  <td class="right num">{one.mean_bytes === 0 ? "< 1 B" : bytes(one.mean_bytes)}</td>
                  <td class="right num">{bytes(one.bytes_per_day)}</td>
                  <td class="wide-only" aria-hidden="true">
                    <span class="meter">
                      <span
                        class="meter-committed"
                        style={{ width: `${(100 * one.bytes_per_day) / most}%` }}
                      />
                    </span>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Retention({ retention }: { retention: HealthResponse["retention"] }) {
  return (
    <section class="panel" aria-labelledby="retention">
      <div class="panel-head">
        <h2 id="retention">Retention</h2>
      </div>
      <dl class="fields">
        {Object.entries(retention).map(([key, limit]) => (
          <>
            <dt>{key.replace(/_s$/, "").replace(/_bytes$/, " size")}</dt>
            <dd>{limit === null ? "unlimited" : limitText(key, limit)}</dd>
          </>
        ))}
      </dl>
    </section>
  );
}

function limitText(key: string, limit: number): string {
  if (!key.endsWith("_s")) {
    return key.includes("bytes") ? bytes(limit) : count(limit);
  }
  const days = limit / 86_400;
  return days >= 1 ? `${count(Math.round(days))} days` : `${count(Math.round(limit / 60))} minutes`;
}

/** Writers to show. */
const MAX_INSTANCES = 50;

function Instances({ instances }: { instances: InstanceHealth[] }) {
  return (
    <section class="panel" aria-labelledby="instances">
      <div class="panel-head">
        <h2 id="instances">Writers</h2>
        <p class="dim">
          {instances.length > MAX_INSTANCES
            ? `newest ${MAX_INSTANCES} of ${count(instances.length)}`
            : count(instances.length)}
        </p>
      </div>
      <div class="table-scroll" role="group" tabIndex={0} aria-label="Writers">
        <table>
          <thead>
            <tr>
              <th scope="col">Host</th>
              <th scope="col">Status</th>
              <th scope="col" class="right">
                Started
              </th>
              <th scope="col" class="right">
                Committed
              </th>
              <th scope="col" class="right">
                Losses
              </th>
              <th scope="col">Start time</th>
            </tr>
          </thead>
          <tbody>
            {instances.slice(0, MAX_INSTANCES).map((one) => (
              <InstanceRow key={one.id} one={one} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function InstanceRow({ one }: { one: InstanceHealth }) {
  const lost = lossesOf(one);
  return (
    <tr>
      <th scope="row" class="host" title={one.host}>
        {one.host} <span class="dim num">{one.pid}</span>
      </th>
      <td>
        {one.alive ? (
          <span class="good">active</span>
        ) : one.stopped_at !== null ? (
          "stopped"
        ) : (
          <span class="bad" title={one.saved_at ?? undefined}>
            crashed – counts as of last commit
          </span>
        )}
      </td>
      <td class="right num">{count(one.accounting.started)}</td>
      <td class="right num">{count(one.accounting.committed)}</td>
      <td class={`right ${lost.length > 0 ? "bad" : "dim"}`}>{lost.length > 0 ? lost.join(", ") : "none"}</td>
      <td>
        <When at={one.started_at} />
      </td>
    </tr>
  );
}
