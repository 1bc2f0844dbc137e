import { useMemo } from "preact/hooks";
import { address, ask, part } from "../data/api";
import { quoted } from "../data/filter";
import { count } from "../data/format";
import { useEvery, useLoad } from "../data/load";
import type { Activity, Details } from "../data/records";
import { amend, go, href, type Params } from "../data/route";
import { Brand, StatusMark, Tag } from "../parts/badge";
import { Copy } from "../parts/copy";
import { useKeys } from "../parts/keys";
import { Json, Payload } from "../parts/payload";
import { Empty, Failure, Waiting } from "../parts/state";
import { Waterfall } from "../parts/waterfall";
import { FactList } from "./factlist";
import { Facts } from "./facts";

/** A tree of more than this is asked for less often. */
const LARGE = 1_000;

/** One activity: what ran inside of it, what happened, what went in and came out. */
export function One({ params }: { params: Params }) {
  const { id = "" } = params;
  const { data, problem, reload } = useLoad(id, (signal) =>
    ask<Details>(`activities/${part(id)}`, {}, signal),
  );
  const running = data?.tree.some((one) => one.status === "running") ?? false;
  useEvery((data?.tree.length ?? 0) > LARGE ? 15_000 : 2_000, () => running && reload());
  useKeys({ Escape: () => history.back() });
  if (id === "") {
    return (
      <Empty title="No activity is chosen">
        <a href={href("timeline")}>Choose one in the timeline</a>
      </Empty>
    );
  }
  if (data === null) {
    if (problem === null) {
      return <Waiting what="the activity" rows={10} />;
    }
    return problem.status === 404 ? (
      <Empty title="This activity is not on record">
        <p>
          It never was, or it was pruned. <a href={href("timeline")}>Back to the timeline</a>
        </p>
      </Empty>
    ) : (
      <Failure what="the activity" problem={problem} retry={reload} />
    );
  }
  return <Shown details={data} params={params} />;
}

function Shown({ details, params }: { details: Details; params: Params }) {
  const step = details.tree.find((one) => one.id === params.step) ?? details;
  const select = (to: string) => amend(href("activity", { ...params, step: to === details.id ? null : to }));
  // Payloads of the others are asked for one by one, each with its tree: of a large one that is too much to look around in.
  const asked = step.id !== details.id && details.tree.length <= LARGE ? step.id : null;
  const payloads = useLoad(asked ?? "", (signal) =>
    asked === null ? Promise.resolve(null) : ask<Activity>(`activities/${part(asked)}`, {}, signal),
  );
  const { input, output } = payloads.data ?? step;
  const filter = (field: string, value: string) => go(href("timeline", { q: `${field}:${quoted(value)}` }));
  const parent = details.tree.find((one) => one.id === details.parent);
  return (
    <>
      <header class="page-head">
        <nav aria-label="Where it stands" class="crumbs">
          <a href={href("timeline")}>Timeline</a>
          {details.root !== details.id && details.root !== details.parent && (
            <a href={href("activity", { id: details.root })}>{nameOf(details.tree, details.root)}</a>
          )}
          {details.parent !== null && (
            <a href={href("activity", { id: details.parent })}>{parent?.name ?? "its parent"}</a>
          )}
        </nav>
        <div class="one-title">
          <StatusMark status={details.status} label />
          <h1>{details.name}</h1>
          <Tag>{details.kind}</Tag>
          {details.brand !== null && <Brand name={details.brand} />}
        </div>
        <div class="spacer" />
        {details.recordings.map((recording) => (
          <a
            key={recording.id}
            class="button button-strong"
            href={href("replay", { id: recording.id, activity: details.id })}
          >
            ▶ Replay
          </a>
        ))}
        {details.session !== null && (
          <a class="button" href={href("timeline", { q: `session:${quoted(details.session)}` })}>
            Its session
          </a>
        )}
        <a class="button" href={address(`activities/${part(details.id)}`)} target="_blank" rel="noreferrer">
          JSON
        </a>
        <Copy text={`activity show ${details.id}`}>Copy as command</Copy>
      </header>
      <Errors details={details} onSelect={select} />
      <div class="split split-open one">
        <div class="one-main">
          <Waterfall tree={details.tree} about={details.id} selected={step.id} onSelect={select} />
          <section class="panel" aria-labelledby="events">
            <h2 id="events">
              Events{" "}
              <span class="dim">
                {details.events.length === 0 ? "none inside of it" : details.events.length}
              </span>
            </h2>
            {details.events.length > 0 && <FactList facts={details.events} />}
          </section>
        </div>
        <aside class="aside aside-inline" aria-label={`Details of ${step.name}`}>
          {step.id !== details.id && (
            <>
              <div class="aside-head">
                <StatusMark status={step.status} label />
                <div class="spacer" />
                <a class="button" href={href("activity", { id: step.id })}>
                  Open
                </a>
              </div>
              <h2 class="aside-name">{step.name}</h2>
              {(step.error_type ?? step.message) !== null && <ErrorBox of={step} />}
            </>
          )}
          <Facts activity={step} onFilter={filter} />
          {input !== null && <Payload title="Input" preview={input} />}
          {output !== null && <Payload title="Output" preview={output} />}
          <details class="as-table">
            <summary>Raw JSON</summary>
            <Json value={withoutLists(step)} label="Raw JSON" />
          </details>
        </aside>
      </div>
    </>
  );
}

/** What went wrong, before everything else. */
function Errors({ details, onSelect }: { details: Details; onSelect: (id: string) => void }) {
  const failed = useMemo(
    () => details.tree.filter((one) => one.status === "failed" && one.id !== details.id),
    [details],
  );
  const own = details.error_type !== null || details.message !== null;
  if (!own && failed.length === 0) {
    return null;
  }
  return (
    <section class="errors" aria-label="Errors">
      {own && <ErrorBox of={details} />}
      {failed.length > 0 && (
        <p>
          <span class="dim">
            {count(failed.length)} {own ? "others " : ""}of its tree failed:{" "}
          </span>
          {failed.slice(0, 4).map((one) => (
            <button type="button" class="fact" key={one.id} onClick={() => onSelect(one.id)}>
              {one.name} <span class="bad">{one.error_type}</span>
            </button>
          ))}
        </p>
      )}
    </section>
  );
}

function ErrorBox({ of }: { of: Activity }) {
  return (
    <p class={of.status === "failed" ? "error-box" : "error-box error-calm"}>
      {of.error_type !== null && <b>{of.error_type}</b>} {of.message}
    </p>
  );
}

function nameOf(tree: readonly Activity[], id: string): string {
  return tree.find((one) => one.id === id)?.name ?? "its root";
}

function withoutLists(of: Activity & Partial<Details>): unknown {
  const { tree, events, recordings, ...rest } = of;
  return rest;
}
