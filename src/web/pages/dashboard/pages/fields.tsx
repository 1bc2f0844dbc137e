import type { ComponentChildren } from "preact";
import { quoted, withField } from "../data/filter";
import { print } from "../data/json";
import type { ActivityRecord } from "../data/records";
import { href } from "../data/route";
import { Name } from "../parts/name";
import { Took, When } from "../parts/time";

const FIELDS = [
  ["Project", "project", "project"],
  ["Agent", "agent", "agent"],
  ["Actor", "actor", "actor"],
  ["Brand", "brand", "brand"],
  ["Environment", "environment", "env"],
  ["Session", "session", "session"],
  ["Request", "request", "request"],
] as const;

/** The fields of an activity. Those that can be filtered by are links, which add to the filter `q`. */
export function Fields({ activity, q = "" }: { activity: ActivityRecord; q?: string }) {
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
        {FIELDS.map(([label, field, name]) => {
          const value = activity[field];
          return (
            value !== null && (
              <>
                <dt>{label}</dt>
                <dd>
                  <FilterLink q={q} field={name} value={quoted(value)}>
                    <Name text={value} />
                  </FilterLink>
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
          <dl class="attributes">
            {attributes.map(([key, value]) => (
              <div key={key}>
                <dt>
                  <Key text={key} />
                </dt>
                <dd class="num">
                  <FilterLink q={q} field={`attr.${quotedKey(key)}`} value={attributeValue(value)}>
                    <Name text={typeof value === "string" ? value : print(value, "compact")} />
                  </FilterLink>
                </dd>
              </div>
            ))}
          </dl>
        </section>
      )}
    </>
  );
}

function FilterLink({
  q,
  field,
  value,
  children,
}: {
  q: string;
  field: string;
  value: string;
  children: ComponentChildren;
}) {
  return (
    <a
      class="field-value"
      title={`Filter by ${field}`}
      href={href("timeline", { q: withField(q, field, value) })}
    >
      {children}
    </a>
  );
}

/** A key exactly as it is. It breaks after punctuation first. */
function Key({ text }: { text: string }) {
  const parts = text.split(/(?<=[./_:-])(?=[^./_:-])/);
  return (
    <bdi>
      {parts.map((part, n) => (
        <>
          {n > 0 && <wbr />}
          {part}
        </>
      ))}
    </bdi>
  );
}

/** Quotes a key if necessary. */
function quotedKey(key: string): string {
  return /^[^\s":,*\\]+$/.test(key) ? key : `"${key.replace(/["\\]/g, "\\$&")}"`;
}

/** Returns a filter's value for an attribute: only texts, numbers and booleans are compared. */
function attributeValue(value: unknown): string {
  if (typeof value === "string") {
    return quoted(value);
  }
  return typeof value === "object" && !(value instanceof Number) ? "*" : print(value, "compact");
}
