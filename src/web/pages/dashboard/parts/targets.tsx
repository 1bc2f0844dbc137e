import { count } from "../data/format";
import type { TargetHealth } from "../data/records";
import { When } from "./time";

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
  return (
    <tr>
      <th scope="row">{one.name}</th>
      <td class="right num">
        {count(one.behind)}
        {typeof one.behind_since === "string" && (
          <span class="dim">
            {" "}
            since <When at={one.behind_since} />
          </span>
        )}
      </td>
      <td class={`right num ${one.lost_not_forwarded > 0 ? "bad" : ""}`}>{count(one.lost_not_forwarded)}</td>
      <td>{one.error}</td>
    </tr>
  );
}
