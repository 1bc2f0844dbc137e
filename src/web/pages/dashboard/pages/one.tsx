import { address, ask, part } from "../data/api";
import { type Branches, type TreePage, useBranches } from "../data/branches";
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
/** So many that failed are named above the tree. */
const NAMED = 4;

/** One activity: what ran inside of it, what happened, what went in and came out. */
export function One({ params }: { params: Params }) {
  const { id = "" } = params;
  const { data, problem, reload } = useLoad(id, (signal) =>
    ask<Details>(`activities/${part(id)}`, { tree: "none" }, signal),
  );
  const branches = useBranches(id);
  const failed = useLoad(id, (signal) =>
    ask<TreePage>(`activities/${part(id)}/tree`, { q: "status:failed", limit: NAMED + 1 }, signal),
  );
  const running = data?.status === "running" || branches.tree.some((one) => one.status === "running");
  const again = () => {
    reload();
    branches.reload();
    failed.reload();
  };
  useEvery(branches.tree.length > LARGE ? 15_000 : 2_000, () => running && again());
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
      <Failure what="the activity" problem={problem} retry={again} />
    );
  }
  return <Shown details={data} branches={branches} failed={failed.data} params={params} />;
}

function Shown({
  details,
  branches,
  failed,
  params,
}: {
  details: Details;
  branches: Branches;
  failed: TreePage | null;
  params: Params;
}) {
  const { tree } = branches;
  const chosen = params.step === undefined || params.step === details.id ? null : params.step;
  const select = (to: string) => amend(href("activity", { ...params, step: to === details.id ? null : to }));
  // Trees come without payloads, which are asked for one by one.
  const asked = useLoad(chosen ?? "", (signal) =>
    chosen === null
      ? Promise.resolve(null)
      : ask<Activity>(`activities/${part(chosen)}`, { tree: "none" }, signal),
  );
  const step = chosen === null ? details : (asked.data ?? tree.find((one) => one.id === chosen) ?? details);
  const { input, output } = step;
  const filter = (field: string, value: string) => go(href("timeline", { q: `${field}:${quoted(value)}` }));
  const parent = tree.find((one) => one.id === details.parent);
  return (
    <>
      <header class="page-head">
        <nav aria-label="Where it stands" class="crumbs">
          <a href={href("timeline")}>Timeline</a>
          {details.root !== details.id && details.root !== details.parent && (
            <a href={href("activity", { id: details.root })}>{nameOf(tree, details.root)}</a>
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
      <Errors details={details} failed={failed} onSelect={select} />
      <div class="split split-open one">
        <div class="one-main">
          <Waterfall
            branches={branches}
            failed={failed?.total ?? 0}
            about={details.id}
            selected={step.id}
            onSelect={select}
          />
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
function Errors({
  details,
  failed,
  onSelect,
}: {
  details: Details;
  failed: TreePage | null;
  onSelect: (id: string) => void;
}) {
  const others = (failed?.activities ?? []).filter((one) => one.id !== details.id);
  const total = (failed?.total ?? 0) - (details.status === "failed" ? 1 : 0);
  const own = details.error_type !== null || details.message !== null;
  if (!own && others.length === 0) {
    return null;
  }
  return (
    <section class="errors" aria-label="Errors">
      {own && <ErrorBox of={details} />}
      {others.length > 0 && (
        <p>
          <span class="dim">
            {count(total)} {own ? "others " : ""}of its tree failed:{" "}
          </span>
          {others.slice(0, NAMED).map((one) => (
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
  const { tree_size, events, recordings, ...rest } = of;
  return rest;
}
