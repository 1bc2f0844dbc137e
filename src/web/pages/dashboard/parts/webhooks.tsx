import { count } from "../data/format";
import type { Webhook } from "../data/records";
import { When } from "./time";

/** How far each webhook has come, and what keeps it. */
export function Webhooks({ webhooks }: { webhooks: Webhook[] | null }) {
  if (webhooks?.length === 0) {
    return null;
  }
  return (
    <section class="panel" aria-labelledby="webhooks">
      <div class="panel-head">
        <h2 id="webhooks">Webhooks</h2>
      </div>
      {webhooks === null ? (
        <p class="bad">They could not be read: the server's log says why.</p>
      ) : (
        <div class="table-scroll" role="group" tabIndex={0} aria-label="Webhooks">
          <table>
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">State</th>
                <th scope="col" class="right">
                  Behind
                </th>
                <th scope="col" class="right">
                  Delivered
                </th>
                <th scope="col" class="right">
                  Set aside
                </th>
                <th scope="col">Tells of</th>
              </tr>
            </thead>
            <tbody>
              {webhooks.map((one) => (
                <WebhookRow key={one.name} one={one} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function WebhookRow({ one }: { one: Webhook }) {
  return (
    <tr>
      <th scope="row">
        {one.name} <span class="dim">{one.url}</span>
      </th>
      <td>
        <State one={one} />
      </td>
      <td class="right num">{count(one.behind)}</td>
      <td class="right num">{count(one.delivered)}</td>
      <td class={`right num ${one.dead_letters > 0 ? "bad" : ""}`}>{count(one.dead_letters)}</td>
      <td>
        {one.what} {one.filter !== "" && <code>{one.filter}</code>}
      </td>
    </tr>
  );
}

function State({ one }: { one: Webhook }) {
  if (one.stopped_at !== null) {
    return (
      <span class="bad">
        stopped <When at={one.stopped_at} />: its receiver is gone; add it again to go on
      </span>
    );
  }
  if (one.trouble !== null) {
    return (
      <span class="bad">
        {one.trouble}
        {one.trouble_since !== null && (
          <>
            {", since "}
            <When at={one.trouble_since} />
          </>
        )}
      </span>
    );
  }
  return one.delivered_at !== null ? (
    <>
      <span class="good">taken</span> last <When at={one.delivered_at} />
    </>
  ) : (
    <span class="dim">nothing sent yet</span>
  );
}
