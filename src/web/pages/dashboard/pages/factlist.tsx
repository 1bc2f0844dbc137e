import { count, dayName } from "../data/format";
import type { Fact } from "../data/records";
import { href } from "../data/route";
import { StatusMark } from "../parts/badge";
import { Json } from "../parts/payload";
import { Clock } from "../parts/time";

/** Events with all that is known of them, by days where `days`. */
export function FactList({ facts, days = false }: { facts: readonly Fact[]; days?: boolean }) {
  const now = new Date();
  let day = "";
  return (
    <ol class="facts-list">
      {facts.flatMap((fact) => {
        const of = dayName(fact.at, now);
        const head =
          !days || of === day
            ? []
            : [
                <li key={of} class="day">
                  {of}
                </li>,
              ];
        day = of;
        return [...head, <FactRow key={fact.id} fact={fact} />];
      })}
    </ol>
  );
}

function FactRow({ fact }: { fact: Fact }) {
  const scope = [fact.project, fact.agent, fact.environment].filter((text) => text !== null).join(" · ");
  return (
    <li class="fact-row">
      <details>
        <summary>
          <span class="fact-time">
            <Clock at={fact.at} />
          </span>
          <StatusMark status={fact.status} />
          <span class="fact-type">{fact.type}</span>
          <span class="fact-summary">{fact.summary}</span>
          {fact.count > 1 && <span class="tag num">×{count(fact.count)}</span>}
          {fact.reference !== null && <code class="fact-reference">{fact.reference}</code>}
          <span class="row-scope">{scope}</span>
        </summary>
        <div class="fact-more">
          {fact.activity !== null && (
            <p>
              <a href={href("activity", { id: fact.activity })}>The activity that it happened inside of</a>
            </p>
          )}
          {fact.actor !== null && <p class="dim">by {fact.actor}</p>}
          {fact.data !== null && <Json value={fact.data} label={`Data of ${fact.type}`} />}
          <p class="id dim">{fact.id}</p>
        </div>
      </details>
    </li>
  );
}
