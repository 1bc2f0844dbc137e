import { count } from "../data/format";
import type { LastCheck } from "../data/records";
import { When } from "./time";

/** What a check found that should not be. */
export function differs({ missing, surplus }: LastCheck): string {
  const rows = (n: number) => (n === 1 ? "1 row" : `${count(n)} rows`);
  const verb = missing === 1 ? "is" : "are";
  if (surplus === 0) {
    return `${rows(missing)} that ${missing === 1 ? "was" : "were"} committed ${verb} missing`;
  }
  return missing === 0
    ? `${rows(surplus)} too many: another program inserted them`
    : `${rows(missing)} missing, ${count(surplus)} too many`;
}

/** When the rows were last compared with what was committed. */
export function Checked({ check }: { check: LastCheck | null }) {
  return (
    <section class="panel" aria-labelledby="checked">
      <div class="panel-head">
        <h2 id="checked">Last check</h2>
        <p class="dim">once a day: the rows are compared with what was committed</p>
      </div>
      {check === null ? (
        <p class="dim quiet">
          Not checked yet. <code>activity doctor</code> checks at once.
        </p>
      ) : (
        <dl class="facts">
          <dt>finished</dt>
          <dd>
            <When at={check.finished_at} />
          </dd>
          <dt>missing</dt>
          <dd class={`num ${check.missing > 0 ? "bad" : ""}`}>{count(check.missing)}</dd>
          <dt>too many</dt>
          <dd class={`num ${check.surplus > 0 ? "bad" : ""}`}>{count(check.surplus)}</dd>
          {check.missing + check.surplus > 0 && (
            <>
              <dt>all there at</dt>
              <dd>{check.complete_at === null ? "not known" : <When at={check.complete_at} />}</dd>
              <dt>which ones</dt>
              <dd>
                <code>activity doctor</code> tells; <code>activity doctor --accept</code> where it was done on
                purpose
              </dd>
            </>
          )}
        </dl>
      )}
    </section>
  );
}
