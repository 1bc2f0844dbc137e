import { print } from "../data/json";
import type { ActivityRecord } from "../data/records";
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

/** The fields of an activity. Those that can be filtered by are buttons. */
export function Fields({
  activity,
  onFilter,
}: {
  activity: ActivityRecord;
  onFilter: (field: string, value: string) => void;
}) {
  const attributes = Object.entries(activity.attributes);
  return (
    <>
      <dl class="fields">
        <dt>Started</dt>
        <dd>
          <When at={activity.started_at} />
        </dd>
        <dt>Duration</dt>
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
                    class="field-value"
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
            <dt>Parent ID</dt>
            <dd>
              <a class="id" href={href("activity", { id: activity.parent })}>
                {activity.parent}
              </a>
            </dd>
          </>
        )}
        <dt>ID</dt>
        <dd class="id">{activity.id}</dd>
        <dt>Trace ID</dt>
        <dd class="id">{activity.trace_id}</dd>
      </dl>
      {attributes.length > 0 && (
        <section>
          <h3>
            Attributes
            {activity.truncated && <span class="dim"> incomplete: some exceeded the limits</span>}
          </h3>
          <dl class="fields">
            {attributes.map(([key, value]) => (
              <>
                <dt>{key}</dt>
                <dd class="num">{typeof value === "string" ? value : print(value, "compact")}</dd>
              </>
            ))}
          </dl>
        </section>
      )}
    </>
  );
}
