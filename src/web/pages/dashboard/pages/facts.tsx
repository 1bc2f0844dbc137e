import type { Activity } from "../data/records";
import { href } from "../data/route";
import { Took, When } from "../parts/time";

const FIELDS = [
  ["project", "project"],
  ["agent", "agent"],
  ["actor", "actor"],
  ["brand", "brand"],
  ["environment", "env"],
  ["session", "session"],
  ["request", "request"],
] as const;

/** What is known of an activity, field by field; whatever can be filtered by leads there. */
export function Facts({
  activity,
  onFilter,
}: {
  activity: Activity;
  onFilter: (field: string, value: string) => void;
}) {
  const attributes = Object.entries(activity.attributes);
  return (
    <>
      <dl class="facts">
        <dt>Started</dt>
        <dd>
          <When at={activity.started_at} />
        </dd>
        <dt>Took</dt>
        <dd>
          <Took activity={activity} />
        </dd>
        {FIELDS.map(([field, name]) => {
          const value = activity[field];
          return (
            value !== null && (
              <>
                <dt>{field}</dt>
                <dd>
                  <button
                    type="button"
                    class="fact"
                    title={`Filter by ${name}`}
                    onClick={() => onFilter(name, value)}
                  >
                    {value}
                  </button>
                </dd>
              </>
            )
          );
        })}
        {activity.parent !== null && (
          <>
            <dt>Parent</dt>
            <dd>
              <a class="id" href={href("activity", { id: activity.parent })}>
                {activity.parent}
              </a>
            </dd>
          </>
        )}
        <dt>Id</dt>
        <dd class="id">{activity.id}</dd>
        <dt>Trace</dt>
        <dd class="id">{activity.trace_id}</dd>
      </dl>
      {attributes.length > 0 && (
        <section>
          <h3>
            Attributes
            {activity.truncated && <span class="dim"> some were refused: too many or too large</span>}
          </h3>
          <dl class="facts">
            {attributes.map(([key, value]) => (
              <>
                <dt>{key}</dt>
                <dd class="num">{typeof value === "string" ? value : JSON.stringify(value)}</dd>
              </>
            ))}
          </dl>
        </section>
      )}
    </>
  );
}
