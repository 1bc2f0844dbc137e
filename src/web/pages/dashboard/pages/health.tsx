import { ask } from "../data/api";
import { bytes, count } from "../data/format";
import { useEvery, useLoad } from "../data/load";
import type { Accounting, Counts, Growth, Health, Instance } from "../data/records";
import { Checked, differs } from "../parts/checked";
import { Failure, Waiting } from "../parts/state";
import { When } from "../parts/time";
import { Webhooks } from "../parts/webhooks";

/** Where everything went, and how the store stands. */
export function HealthPage() {
  const { data, problem, reload } = useLoad("health", (signal) => ask<Health>("health", {}, signal));
  useEvery(3_000, reload);
  return (
    <>
      <header class="page-head">
        <h1>Health</h1>
      </header>
      {data !== null ? (
        <Shown health={data} stale={problem !== null} />
      ) : problem !== null ? (
        <Failure what="the health" problem={problem} retry={reload} />
      ) : (
        <Waiting what="the health" />
      )}
    </>
  );
}

/** What was lost or refused, of an instance's numbers of one sort of record. */
function losses(counts: Counts): [string, number][] {
  return Object.entries(counts).filter(
    ([name, n]) => typeof n === "number" && n > 0 && /^(rejected|lost|late|not_durable|redactor)/.test(name),
  );
}

function sorts(accounting: Accounting): [string, Counts][] {
  const { events, recordings, ...activities } = accounting;
  return [
    ["Activities", activities as Counts],
    ["Events", events],
    ["Recordings", recordings],
  ];
}

function Shown({ health, stale }: { health: Health; stale: boolean }) {
  const alive = health.instances.filter((one) => one.alive);
  const lost = health.instances
    .flatMap((one) => sorts(one.accounting))
    .flatMap(([, counts]) => losses(counts));
  const total = lost.reduce((sum, [, n]) => sum + n, 0);
  const good = health.ok && total === 0;
  const check = health.last_check;
  const differing = check === null ? 0 : check.missing + check.surplus;
  return (
    <>
      <section
        class={`verdict ${good ? "verdict-good" : health.ok ? "verdict-warn" : "verdict-bad"}`}
        role="status"
      >
        <b>
          {differing > 0 && check !== null
            ? differs(check)
            : !health.ok
              ? "The numbers do not add up"
              : total > 0
                ? `${count(total)} ${total === 1 ? "thing was" : "things were"} not recorded`
                : "Everything is accounted for"}
        </b>
        <span>
          {stale
            ? "The server does not answer; this is how it was."
            : `${count(alive.length)} ${alive.length === 1 ? "process writes" : "processes write"} now.`}
        </span>
      </section>
      <dl class="cards">
        {(
          [
            ["Activities", count(health.activities), "ended, in the store"],
            ["Events", count(health.events), "in the store"],
            ["Running", count(health.running), "listed as open"],
            ["Abandoned", count(health.abandoned), "their process died first"],
            ["Size", bytes(health.bytes), each(health)],
            ["Not indexed", count(health.unindexed), "searches look at them one by one"],
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
      <Checked check={check} />
      {health.accounting !== null && <Ledger accounting={health.accounting} />}
      <Growing growth={health.growth} />
      {health.retention !== null && <Retention retention={health.retention} />}
      {health.webhooks !== undefined && <Webhooks webhooks={health.webhooks} />}
      <Instances instances={health.instances} />
    </>
  );
}

function each(health: Health): string {
  const records = health.activities + health.events;
  return records === 0
    ? "no record yet"
    : `${bytes(Math.round(health.bytes / records))} a record, with indexes`;
}

/** Where everything of this process went. */
function Ledger({ accounting }: { accounting: Accounting }) {
  return (
    <section class="panel" aria-labelledby="ledger">
      <div class="panel-head">
        <h2 id="ledger">Where everything went</h2>
        <p class="dim">of this process, since it started</p>
      </div>
      <div class="ledger">
        {sorts(accounting).map(([name, counts]) => {
          const all = Object.entries(counts).filter(([, n]) => typeof n === "number");
          const always = ["started", "recorded", "open", "committed", "waiting"];
          const shown = all.filter(([key, n]) => n > 0 || always.includes(key));
          const begun = counts.started ?? counts.recorded ?? 0;
          return (
            <section key={name} aria-label={name}>
              <h3>{name}</h3>
              <span class="meter" aria-hidden="true">
                {(["committed", "waiting", "open"] as const).map((key) => (
                  <span
                    key={key}
                    class={`meter-${key}`}
                    style={{ width: `${begun === 0 ? 0 : (100 * (counts[key] ?? 0)) / begun}%` }}
                  />
                ))}
              </span>
              <dl class="facts">
                {shown.map(([key, n]) => (
                  <>
                    <dt>{key.replaceAll("_", " ")}</dt>
                    <dd class={`num ${losses({ [key]: n }).length > 0 ? "bad" : ""}`}>{count(n)}</dd>
                  </>
                ))}
              </dl>
              {losses(counts).length === 0 && <p class="dim">nothing lost</p>}
            </section>
          );
        })}
      </div>
    </section>
  );
}

/** How fast the store grows, field by field. */
function Growing({ growth }: { growth: Growth }) {
  const { activities_per_day, events_per_day, chunks_per_day, fields } = growth;
  const sorted = [...fields].sort((a, b) => b.bytes_per_day - a.bytes_per_day);
  const most = Math.max(1, ...sorted.map((one) => one.bytes_per_day));
  return (
    <section class="panel" aria-labelledby="growth">
      <div class="panel-head">
        <h2 id="growth">What it grows by</h2>
        <p class="dim">
          in the last 24 hours: {count(activities_per_day)} activities, {count(events_per_day)} events
          {chunks_per_day > 0 && <>, {count(chunks_per_day)} chunks of recordings</>}
        </p>
      </div>
      {sorted.length === 0 ? (
        <p class="dim quiet">The newest records have nothing beside ids, names, times and scope.</p>
      ) : (
        <div class="table-scroll" role="group" tabIndex={0} aria-label="Growth by field">
          <table class="figures">
            <thead>
              <tr>
                <th scope="col">Field</th>
                <th scope="col" class="right">
                  Each
                </th>
                <th scope="col" class="right">
                  A day
                </th>
                <th scope="col" class="wide-only">
                  <span class="sr-only">Compared</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {sorted.map((one) => (
                <tr key={`${one.of} ${one.field}`}>
                  <th scope="row">
                    {one.field}{" "}
                    <span class="dim">of {one.of === "chunk" ? "a recording" : `an ${one.of}`}</span>
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

function Retention({ retention }: { retention: Record<string, number | null> }) {
  return (
    <section class="panel" aria-labelledby="retention">
      <div class="panel-head">
        <h2 id="retention">How long it is kept</h2>
      </div>
      <dl class="facts">
        {Object.entries(retention).map(([key, limit]) => (
          <>
            <dt>{key.replace(/_s$/, "").replace(/_bytes$/, ", at most")}</dt>
            <dd>{limit === null ? "for ever" : kept(key, limit)}</dd>
          </>
        ))}
      </dl>
    </section>
  );
}

function kept(key: string, limit: number): string {
  if (!key.endsWith("_s")) {
    return key.includes("bytes") ? bytes(limit) : count(limit);
  }
  const days = limit / 86_400;
  return days >= 1 ? `${count(Math.round(days))} days` : `${count(Math.round(limit / 60))} minutes`;
}

const MOST = 50;

function Instances({ instances }: { instances: Instance[] }) {
  return (
    <section class="panel" aria-labelledby="instances">
      <div class="panel-head">
        <h2 id="instances">Processes that have written here</h2>
        <p class="dim">
          {instances.length > MOST
            ? `the newest ${MOST} of ${count(instances.length)}`
            : count(instances.length)}
        </p>
      </div>
      <div class="table-scroll" role="group" tabIndex={0} aria-label="Processes">
        <table>
          <thead>
            <tr>
              <th scope="col">Host</th>
              <th scope="col">State</th>
              <th scope="col" class="right">
                Started
              </th>
              <th scope="col" class="right">
                Committed
              </th>
              <th scope="col" class="right">
                Not recorded
              </th>
              <th scope="col">Since</th>
            </tr>
          </thead>
          <tbody>
            {instances.slice(0, MOST).map((one) => (
              <InstanceRow key={one.id} one={one} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function InstanceRow({ one }: { one: Instance }) {
  const lost = sorts(one.accounting).flatMap(([name, counts]) =>
    losses(counts).map(([key, n]) => `${count(n)} ${name.toLowerCase()} ${key.replaceAll("_", " ")}`),
  );
  const numbers = one.accounting as unknown as Counts;
  return (
    <tr>
      <th scope="row">
        {one.host} <span class="dim num">{one.pid}</span>
      </th>
      <td>
        {one.alive ? (
          <span class="good">alive</span>
        ) : one.stopped_at !== null ? (
          "stopped"
        ) : (
          <span class="bad" title={one.saved_at ?? undefined}>
            died; unknown since its last commit
          </span>
        )}
      </td>
      <td class="right num">{count(numbers.started ?? 0)}</td>
      <td class="right num">{count(numbers.committed ?? 0)}</td>
      <td class={`right ${lost.length > 0 ? "bad" : "dim"}`}>
        {lost.length > 0 ? lost.join(", ") : "nothing"}
      </td>
      <td>
        <When at={one.started_at} />
      </td>
    </tr>
  );
}
