import { instant } from "../data/dates";
import { count, duration, plural } from "../data/format";
import type { TargetHealth } from "../data/records";
import { useNow, When } from "./time";

/** How far the store was forwarded to each central store. */
export function Targets({ targets }: { targets: TargetHealth[] }) {
  if (targets.length === 0) {
    return null;
  }
  return (
    <section class="panel" aria-labelledby="targets">
      <div class="panel-head">
        <h2 id="targets">Forwarding</h2>
      </div>
      <div class="table-scroll" role="group" tabIndex={0} aria-label="Forwarding">
        <table>
          <thead>
            <tr>
              <th scope="col">To</th>
              <th scope="col" class="right">
                Behind
              </th>
              <th scope="col" class="right">
                Lost
              </th>
              <th scope="col">Error</th>
            </tr>
          </thead>
          <tbody>
            {targets.map((one) => (
              <TargetRow key={one.name} one={one} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function TargetRow({ one }: { one: TargetHealth }) {
  const now = useNow();
  return (
    <tr>
      <th scope="row">{one.name}</th>
      <td class="right num">
        {one.behind === 0 ? "0" : plural(one.behind, "row")}
        {one.behind_since !== null && (
          <time class="dim" dateTime={one.behind_since} title={instant(one.behind_since)}>
            , {duration(Math.max(0, now - Date.parse(one.behind_since)) * 1_000_000)}
          </time>
        )}
      </td>
      <td class={`right num ${one.lost_not_forwarded > 0 ? "bad" : ""}`}>{count(one.lost_not_forwarded)}</td>
      <td>
        {one.error === null ? (
          <span class="dim">none</span>
        ) : (
          <span class="bad">
            {one.error}
            {one.error_since !== null && (
              <>
                {", since "}
                <When at={one.error_since} />
              </>
            )}
          </span>
        )}
      </td>
    </tr>
  );
}
