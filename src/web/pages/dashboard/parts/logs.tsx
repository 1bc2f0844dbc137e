import { count, plural } from "../data/format";
import type { LogHealth, LogsHealth } from "../data/records";
import { When } from "./time";

/** Logs to show. */
const MAX_LOGS = 50;

/** Whether records of a log are still on a machine that is not heard of. */
export function isMissed(log: LogHealth): boolean {
  return !log.alive && log.waiting > 0;
}

/** The logs of a central store, those that need attention first. */
export function Logs({ logs, losses }: { logs: LogsHealth; losses: Map<string, string[]> }) {
  const rank = (log: LogHealth) =>
    isMissed(log) || log.refused > 0 || losses.has(log.id) ? 0 : log.alive ? 1 : 2;
  const sorted = [...logs.list].sort((a, b) => rank(a) - rank(b) || a.host.localeCompare(b.host));
  const living = logs.known - logs.retired;
  return (
    <section class="panel" aria-labelledby="logs">
      <div class="panel-head">
        <h2 id="logs">Logs</h2>
        <p class="dim">
          {living > MAX_LOGS ? `${MAX_LOGS} of ${count(living)}` : count(living)}
          {logs.retired > 0 && `, and ${count(logs.retired)} retired`}
        </p>
      </div>
      <div class="table-scroll" role="group" tabIndex={0} aria-label="Logs">
        <table>
          <thead>
            <tr>
              <th scope="col">Host</th>
              <th scope="col">Status</th>
              <th scope="col" class="right">
                Waiting
              </th>
              <th scope="col" class="right">
                Not accepted
              </th>
              <th scope="col" class="right">
                Losses
              </th>
              <th scope="col">Last heard of</th>
            </tr>
          </thead>
          <tbody>
            {sorted.slice(0, MAX_LOGS).map((one) => (
              <LogRow key={one.id} one={one} lost={losses.get(one.id) ?? []} />
            ))}
          </tbody>
        </table>
      </div>
      {logs.waiting + logs.refused + logs.outdated > 0 && (
        <p class="dim quiet">
          All logs: {plural(logs.waiting, "record")} to be forwarded, {count(logs.refused)} refused by the
          database, {count(logs.outdated)} older than it keeps.
        </p>
      )}
    </section>
  );
}

function LogRow({ one, lost }: { one: LogHealth; lost: string[] }) {
  const refused = [
    ...(one.refused > 0 ? [`${count(one.refused)} refused`] : []),
    ...(one.outdated > 0 ? [`${count(one.outdated)} too old`] : []),
  ];
  return (
    <tr>
      <th scope="row" class="host" title={`${one.host} ${one.id}`}>
        {one.host} <span class="dim num">{one.id.slice(0, 8)}</span>
      </th>
      <td>
        {one.alive ? (
          <span class="good">active</span>
        ) : one.waiting > 0 ? (
          <span class="bad">not heard of</span>
        ) : (
          "ended"
        )}
      </td>
      <td class={`right num ${isMissed(one) ? "bad" : ""}`}>{count(one.waiting)}</td>
      <td class={`right ${one.refused > 0 ? "bad" : refused.length > 0 ? "" : "dim"}`}>
        {refused.length > 0 ? refused.join(", ") : "none"}
      </td>
      <td class={`right ${lost.length > 0 ? "bad" : "dim"}`}>{lost.length > 0 ? lost.join(", ") : "none"}</td>
      <td>
        <When at={one.heard_at} />
      </td>
    </tr>
  );
}
