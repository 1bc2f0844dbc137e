import { count, plural } from "../data/format";
import type { LastCheck } from "../data/records";
import { When } from "./time";

/** Describes the difference that a check found. */
export function difference({ missing, surplus }: LastCheck): string {
  const rows = (n: number) => plural(n, "row");
  if (surplus === 0) {
    return `${rows(missing)} missing`;
  }
  return missing === 0
    ? `${rows(surplus)} inserted by another program`
    : `${rows(missing)} missing, ${count(surplus)} inserted by another program`;
}

/** The last comparison of the rows with the ledger. */
export function CheckPanel({ check }: { check: LastCheck | null }) {
  return (
    <section class="panel" aria-labelledby="checked">
      <div class="panel-head">
        <h2 id="checked">Integrity check</h2>
        <p class="dim">daily comparison of rows with committed counts</p>
      </div>
      {check === null ? (
        <p class="dim quiet">
          Not run yet. Run <code>activity doctor</code> to check now.
        </p>
      ) : (
        <dl class="fields">
          <dt>last run</dt>
          <dd>
            <When at={check.finished_at} />
          </dd>
          <dt>missing</dt>
          <dd class={`num ${check.missing > 0 ? "bad" : ""}`}>{count(check.missing)}</dd>
          <dt>unexpected</dt>
          <dd class={`num ${check.surplus > 0 ? "bad" : ""}`}>{count(check.surplus)}</dd>
          {check.missing + check.surplus > 0 && (
            <>
              <dt>last complete</dt>
              <dd>{check.complete_at === null ? "unknown" : <When at={check.complete_at} />}</dd>
              <dt>next step</dt>
              <dd>
                <code>activity doctor</code> lists them; <code>activity doctor --accept</code> accepts an
                intended change
              </dd>
            </>
          )}
        </dl>
      )}
    </section>
  );
}
