import { count } from "../data/format";
import type { WebhookStatus } from "../data/records";
import { When } from "./time";

/** The status of each webhook. */
export function Webhooks({ webhooks }: { webhooks: WebhookStatus[] | null }) {
  if (webhooks?.length === 0) {
    return null;
  }
  return (
    <section class="panel" aria-labelledby="webhooks">
      <div class="panel-head">
        <h2 id="webhooks">Webhooks</h2>
      </div>
      {webhooks === null ? (
        <p class="bad">Could not read the webhooks. The server's log has the cause.</p>
      ) : (
        <div class="table-scroll" role="group" tabIndex={0} aria-label="Webhooks">
          <table>
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Status</th>
                <th scope="col" class="right">
                  Behind
                </th>
                <th scope="col" class="right">
                  Delivered
                </th>
                <th scope="col" class="right">
                  Dead letters
                </th>
                <th scope="col">Sends</th>
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

function WebhookRow({ one }: { one: WebhookStatus }) {
  return (
    <tr>
      <th scope="row">
        {one.name} <span class="dim">{one.url}</span>
      </th>
      <td>
        <Status one={one} />
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

function Status({ one }: { one: WebhookStatus }) {
  if (one.stopped_at !== null) {
    return (
      <span class="bad">
        stopped <When at={one.stopped_at} />: the receiver answered 410 Gone; add the webhook again to resume
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
      <span class="good">delivered</span> <When at={one.delivered_at} />
    </>
  ) : (
    <span class="dim">no delivery yet</span>
  );
}
