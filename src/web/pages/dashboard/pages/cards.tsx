import { countedHref } from "../data/counted";
import { span } from "../data/dates";
import { change, compact, count, duration, percent, rate } from "../data/format";
import type { Figures, Metrics, Period } from "../data/records";
import { href, type Params } from "../data/route";

interface Shown {
  metrics: Metrics;
  params: Params;
  /** The metrics of the period before; null while they are loading, or if there are none. */
  before: Metrics | null;
  /** The running activities, or null in the past. */
  running: number | null;
  now: number;
}

/** The figures of a window: activities, errors and durations first, then turns if there are any. */
export function Cards({ metrics, params, before, running, now }: Shown) {
  const { scope } = params;
  const { current, counted } = metrics;
  const hours = hoursOf(metrics.window, now);
  // The place is kept while it is loading, so that nothing moves.
  const compared = (of: (figures: Figures) => number | null, text: typeof duration, more: Growth) =>
    before === null ? (
      <span class="compared">&nbsp;</span>
    ) : (
      <Compared
        now={of(current)}
        before={of(before.current)}
        none={before.current.count === 0}
        text={text}
        growth={more}
      />
    );
  const failures = (current.failed ?? 0) > 0;
  return (
    <>
      <dl class="cards">
        <Card
          label="Activities"
          title="Activities that started in this period and have ended: calls, jobs, turns and their steps"
          value={count(current.count)}
          href={countedHref(scope, counted)}
          more={`${rate(current.count === null ? null : current.count / hours)} per hour`}
        >
          {compared((of) => of.count, compact, "neutral")}
        </Card>
        <Card
          label="Errors"
          title="Activities that failed"
          value={count(current.failed)}
          href={countedHref(scope, counted, "status:failed")}
          more={`${percent(current.failed, current.count)} of all`}
          bad={failures}
        >
          {compared((of) => of.failed, compact, "bad")}
        </Card>
        <Card
          label="Median duration"
          title="Half of the activities take longer (p50)"
          value={duration(current.p50_ns)}
          more={`mean ${duration(current.mean_ns)}`}
        >
          {compared((of) => of.p50_ns, duration, "bad")}
        </Card>
        <Card
          label="p95 duration"
          title="One in 20 activities takes longer"
          value={duration(current.p95_ns)}
          more="1 in 20 takes longer"
        >
          {compared((of) => of.p95_ns, duration, "bad")}
        </Card>
        <Card
          label="p99 duration"
          title="One in 100 activities takes longer"
          value={duration(current.p99_ns)}
          more={`longest ${duration(current.max_ns)}`}
        >
          {compared((of) => of.p99_ns, duration, "bad")}
        </Card>
        {running !== null && (
          <Card
            label="Running now"
            title="Activities that have not ended"
            value={count(running)}
            href={href("timeline", { q: `${scope ?? ""} status:running`.trim() })}
            more="in progress"
          />
        )}
      </dl>
      {(current.turns ?? 0) > 0 && (
        <dl class="cards cards-turns">
          <Card
            label="Turns"
            title="Steps of agents: activities of kind turn, or of agents that record none, those without a parent"
            value={count(current.turns)}
            more={`${rate(current.turns_per_hour)} per hour`}
          >
            {compared((of) => of.turns, compact, "neutral")}
          </Card>
          <Card
            label="Time between turns"
            title="The mean time from the start of an agent’s turn to the start of its next one"
            value={duration(current.mean_turn_ns)}
            more="on average"
          />
          <Card
            label="Active agents"
            title="Agents with activities in this period"
            value={count(current.active_agents)}
            href={href("overview", { ...params, by: "agent", all: "1" })}
            onOpen={() => document.getElementById("breakdown")?.scrollIntoView()}
            more="see the breakdown"
          />
        </dl>
      )}
      <p class="dim compared-with">
        {before === null ? "\u00a0" : `Compared with ${span(before.window.start, before.window.end)}`}
      </p>
    </>
  );
}

type Growth = "bad" | "neutral";

interface CardOf {
  label: string;
  title: string;
  value: string;
  href?: string;
  /** Called after the link was followed. */
  onOpen?: () => void;
  more: string;
  bad?: boolean;
  children?: preact.ComponentChildren;
}

function Card({ label, title, value, href: to, onOpen, more, bad = false, children }: CardOf) {
  return (
    <div class={`card ${bad ? "card-failed" : ""}`}>
      <dt title={title}>{label}</dt>
      <dd>
        <b class="num">
          {to === undefined ? (
            value
          ) : (
            <a href={to} onClick={onOpen && (() => setTimeout(onOpen))}>
              {value}
            </a>
          )}
        </b>
        <span>{more}</span>
        {children}
      </dd>
    </div>
  );
}

interface Comparison {
  now: number | null;
  before: number | null;
  /** True if there was no activity before. */
  none: boolean;
  text: (value: number | null) => string;
  growth: Growth;
}

/** A figure of the period before, and how it changed since. */
function Compared({ now, before, none, text, growth }: Comparison) {
  const by = now === null || before === null ? null : change(before, now);
  const kind = now === before ? "same" : (now ?? 0) > (before ?? 0) ? "more" : "less";
  const tone = growth === "neutral" || kind === "same" ? "" : kind === "more" ? "change-bad" : "change-good";
  const [sign, word] = { same: ["=", "unchanged"], more: ["▲", "up"], less: ["▼", "down"] }[kind] as [
    string,
    string,
  ];
  return (
    <span class="compared">
      {by !== null && (
        <b class={`change ${tone}`}>
          <span aria-hidden="true">{sign} </span>
          <span class="sr-only">{word} </span>
          {kind !== "same" && by}
        </b>
      )}{" "}
      {before === null ? `before: ${none ? "none" : "unknown"}` : `before ${text(before)}`}
    </span>
  );
}

/** Returns the hours of a window that have passed; at least a quarter. */
function hoursOf({ start, end }: Period, now: number): number {
  return Math.max(0.25, (Math.min(Date.parse(end), now) - Date.parse(start)) / 3_600_000);
}
