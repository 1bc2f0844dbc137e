import { useState } from "preact/hooks";
import { dayName } from "../data/dates";
import { count } from "../data/format";
import { escaped } from "../data/names";
import type { EventRecord } from "../data/records";
import { href } from "../data/route";
import { StatusMark } from "../parts/badge";
import { Name, Names } from "../parts/name";
import { Json } from "../parts/payload";
import { Clock } from "../parts/time";

/** A list of events with their details, grouped by day if `days` is set. */
export function EventList({ events, days = false }: { events: readonly EventRecord[]; days?: boolean }) {
  const now = new Date();
  let day = "";
  return (
    <ol class="event-list">
      {events.flatMap((event) => {
        const of = dayName(event.at, now);
        const head =
          !days || of === day
            ? []
            : [
                <li key={of} class="day">
                  {of}
                </li>,
              ];
        day = of;
        return [...head, <EventRow key={event.id} event={event} />];
      })}
    </ol>
  );
}

function EventRow({ event }: { event: EventRecord }) {
  const [open, setOpen] = useState(false);
  return (
    <li class="event-row" data-row={event.id}>
      <details onToggle={(toggled) => setOpen(toggled.currentTarget.open)}>
        <summary>
          <span class="event-time">
            <Clock at={event.at} />
          </span>
          <StatusMark status={event.status} />
          <span class="event-type">
            <Name text={event.type} />
          </span>
          <span class="event-summary">{escaped(event.summary ?? "")}</span>
          {event.count > 1 && <span class="tag num">×{count(event.count)}</span>}
          {event.reference !== null && <code class="event-reference">{escaped(event.reference)}</code>}
          <span class="row-scope">
            <Names texts={[event.project, event.agent, event.environment]} />
          </span>
        </summary>
        <div class="event-more">
          {event.activity !== null && (
            <p>
              <a href={href("activity", { id: event.activity })}>View activity</a>
            </p>
          )}
          {event.actor !== null && (
            <p class="dim">
              by <Name text={event.actor} />
            </p>
          )}
          {open && event.data !== null && <Json value={event.data} label={`Data of ${event.type}`} />}
          <p class="id dim">{event.id}</p>
        </div>
      </details>
    </li>
  );
}
