import { Copy } from "./copy";
import { Empty } from "./states";

const CODE = `let log = ActivityLog::open("activity.db")?;
let service = ServiceBuilder::new()
    .layer(ActivityLayer::new(&log))
    .service(service);`;

/** Shown while the store is empty: how to record the first activity. */
export function FirstRun() {
  return (
    <Empty title="Waiting for the first activity">
      <p>
        Nothing is recorded yet. Wrap a service in a layer, and each of its calls appears here as it starts:
      </p>
      <pre class="code first-code" role="group" tabIndex={0} aria-label="Example">
        {CODE}
      </pre>
      <p>
        <Copy text={CODE}>Copy code</Copy>
      </p>
      <p>
        Jobs and steps are recorded with <code>log.start(Describe::job("import"))</code>, events with{" "}
        <code>activity event deployment "v1 is live"</code>. A program that runs elsewhere has to open the
        store that this server reads.
      </p>
    </Empty>
  );
}
