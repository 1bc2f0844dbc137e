import type { ComponentChildren } from "preact";
import { apiUrl, getJson } from "../data/api";
import { countedHref } from "../data/counted";
import { ago, instant, unknownPart } from "../data/dates";
import { change, count, plural } from "../data/format";
import { useLoad } from "../data/load";
import type { ErrorGroup, Errors } from "../data/records";
import { href, navigate, type Params } from "../data/route";
import { type Shown, shownTime } from "../data/window";
import { FilterBar } from "../parts/filterbar";
import { Name } from "../parts/name";
import { Sparkline } from "../parts/spark";
import { Empty, LoadError, Skeleton } from "../parts/states";
import { useNow } from "../parts/time";
import { WindowChoice } from "../parts/windowchoice";

/** Failures of a window, grouped by name, type and message. */
export function ErrorsPage({ params }: { params: Params }) {
  const time = shownTime(params, Date.now());
  const { q = "" } = params;
  const query = { ...time.query, step: time.step, q };
  const errors = useLoad(
    apiUrl("errors", query),
    (signal) => getJson<Errors>("errors", query, signal),
    time.present ? { changing: 5_000 } : null,
  );
  const { data, problem } = errors;
  const put = (changes: Record<string, string | null | undefined>) =>
    href("errors", { ...params, ...changes });
  const bad = problem?.code === "bad_filter" || problem?.code === "invalid";
  return (
    <>
      <header class="page-head">
        <h1>Errors</h1>
        <div class="spacer" />
        <WindowChoice time={time} shown={data} put={put} />
      </header>
      <FilterBar
        page="errors"
        q={q}
        without={["type", "since", "until"]}
        problem={bad ? problem : null}
        placeholder="Filter: project:acme name:login* -env:dev …"
        onChange={(to) => navigate(put({ q: to }))}
      />
      {data !== null ? (
        <Groups errors={data} time={time} q={q} />
      ) : problem === null ? (
        <Skeleton what="the errors" rows={8} />
      ) : bad ? (
        <Empty title="Invalid filter">
          <p>Correct it above or clear it.</p>
        </Empty>
      ) : (
        <LoadError what="the errors" problem={problem} retry={errors.reload} />
      )}
    </>
  );
}

function Groups({ errors, time, q }: { errors: Errors; time: Shown; q: string }) {
  const { groups, total, previous, unknown, group_count } = errors;
  const failed = countedHref(q, errors.counted, "status:failed");
  const left = group_count - groups.length;
  return (
    <>
      {unknown !== null && <p class="notice">{unknownPart(unknown)}.</p>}
      {total === 0 && unknown !== null ? null : total === 0 ? (
        <Empty title="No errors in this period">
          <p>Failed activities are grouped here by name, type and message.</p>
        </Empty>
      ) : (
        <>
          <p class="errors-sum">
            <a href={failed}>{plural(total, "error")}</a> in {plural(group_count, "group")}
            {newOf(groups) > 0 && <>, {count(newOf(groups))} new</>}
            {previous !== null && (
              <>
                {" · "}
                {versus(previous, total, time)}
              </>
            )}
          </p>
          <div class="split-list">
            <ol class="rows" aria-label="Errors, most frequent first">
              {groups.map((group) => (
                <Group key={group.fingerprint} group={group} errors={errors} q={q} />
              ))}
            </ol>
          </div>
          {errors.others > 0 && (
            <p class="dim quiet">
              {plural(errors.others, "more error")} in{" "}
              {left > 0 ? plural(left, "other group") : "other groups"}. Narrow the filter or the period to
              see them.
            </p>
          )}
        </>
      )}
    </>
  );
}

function Group({ group, errors, q }: { group: ErrorGroup; errors: Errors; q: string }) {
  const now = useNow(false);
  const opened = countedHref(q, errors.counted, `fingerprint:${group.fingerprint}`);
  return (
    <li class="group">
      <a class="group-link" href={opened}>
        <span class="group-what">
          <span class="group-name">
            <Name text={group.name} />
          </span>
          {group.error_type !== null && <b class="bad">{group.error_type}</b>}
          {group.is_new === true && <span class="tag tag-new">new</span>}
        </span>
        <bdi class="group-message">{group.message ?? <span class="dim">no message</span>}</bdi>
        <span class="group-trend">
          <Sparkline values={group.history} />
        </span>
        <span class="group-count num">
          {count(group.count)}
          {group.previous !== null && (
            <span class="group-change">
              <Change from={group.previous} to={group.count} />
            </span>
          )}
        </span>
        <span class="group-seen dim">
          <span title={instant(group.last_seen)}>{ago(group.last_seen, now)}</span>
          <span title={instant(group.first_seen)}>since {ago(group.first_seen, now)}</span>
        </span>
      </a>
      {group.example !== null && (
        <a
          class="button group-example"
          href={href("activity", { id: group.example })}
          aria-label={`Example of ${group.name}`}
        >
          Example
        </a>
      )}
    </li>
  );
}

function Change({ from, to }: { from: number; to: number }) {
  if (from === to) {
    return <span class="dim">= before</span>;
  }
  const [sign, kind] = to > from ? ["▲", "bad"] : ["▼", "good"];
  return (
    <span class={kind}>
      {sign} {change(from, to) ?? count(to - from)}
    </span>
  );
}

/** Compares a number with that of the window before. */
function versus(from: number, to: number, time: Shown): ComponentChildren {
  const period = { day: "the day", week: "the week", month: "the 30 days" }[time.window ?? "day"];
  const before =
    time.window === null ? "the time before" : `${time.present ? "the same part of " : ""}${period} before`;
  return from === to ? (
    <>as many as in {before}</>
  ) : (
    <>
      <Change from={from} to={to} /> {to > from ? "more" : "fewer"} than in {before}
    </>
  );
}

function newOf(groups: readonly ErrorGroup[]): number {
  return groups.filter((group) => group.is_new === true).length;
}
