import { useEffect, useState } from "preact/hooks";
import { apiUrl, getJson, segment } from "../data/api";
import { quoted } from "../data/filter";
import { count } from "../data/format";
import { useLoad } from "../data/load";
import { printable } from "../data/names";
import type { ActivityRecord, ActivityResponse, TreePage } from "../data/records";
import { backToList, href, type Params, replace, timelineBefore } from "../data/route";
import { useTitle } from "../data/title";
import { type TreeFeed, useTreeFeed } from "../data/treefeed";
import { Brand, StatusMark, Tag } from "../parts/badge";
import { Copy } from "../parts/copy";
import { useKeys } from "../parts/keys";
import { Name } from "../parts/name";
import { HiddenJson, Payload } from "../parts/payload";
import { RootCause } from "../parts/rootcause";
import { Empty, LoadError, Skeleton } from "../parts/states";
import { Waterfall } from "../parts/waterfall";
import { EventList } from "./eventlist";
import { Fields } from "./fields";

/** A tree larger than this is reloaded less often. */
const LARGE = 1_000;
/** Failed activities to name above the tree. */
const MAX_NAMED = 4;

/** The page of an activity: its tree, events, fields and payloads. */
export function ActivityPage({ params }: { params: Params }) {
  const { id = "" } = params;
  const [running, setRunning] = useState(true);
  const [large, setLarge] = useState(false);
  const refresh = running ? { changing: large ? 15_000 : 2_000, idle: 15_000 } : null;
  const { data, problem, reload } = useLoad(
    id,
    (signal) => getJson<ActivityResponse>(`activities/${segment(id)}`, { tree: "none" }, signal),
    refresh,
  );
  const feed = useTreeFeed(id, refresh);
  const query = { q: "status:failed", limit: MAX_NAMED + 1 };
  const failed = useLoad(
    `failed ${id}`,
    (signal) => getJson<TreePage>(`activities/${segment(id)}/tree`, query, signal),
    refresh,
  );
  const runs = (one: { status: string }) => one.status === "running";
  useEffect(() => {
    setRunning(data === null || runs(data) || feed.tree.some(runs));
    setLarge(feed.tree.length > LARGE);
  }, [data, feed.tree]);
  useKeys({ Escape: backToList });
  if (id === "") {
    return (
      <Empty title="No activity selected">
        <a href={href("timeline")}>Select one in the timeline</a>
      </Empty>
    );
  }
  if (data === null) {
    if (problem === null) {
      return <Skeleton what="the activity" rows={10} />;
    }
    return problem.status === 404 ? (
      <Empty title="Activity not found">
        <p>
          It was never recorded, or was pruned. <a href={href("timeline")}>Back to the timeline</a>
        </p>
      </Empty>
    ) : (
      <LoadError what="the activity" problem={problem} retry={reload} />
    );
  }
  return <Shown details={data} feed={feed} failed={failed.data} params={params} />;
}

function Shown({
  details,
  feed,
  failed,
  params,
}: {
  details: ActivityResponse;
  feed: TreeFeed;
  failed: TreePage | null;
  params: Params;
}) {
  const { tree } = feed;
  useTitle(details.name, details.status);
  const chosen = params.step === undefined || params.step === details.id ? null : params.step;
  const select = (to: string) =>
    replace(href("activity", { ...params, step: to === details.id ? null : to }));
  // Trees do not include payloads: load those of the selected step.
  const loaded = useLoad(`step ${chosen ?? ""}`, (signal) =>
    chosen === null
      ? Promise.resolve(null)
      : getJson<ActivityRecord>(`activities/${segment(chosen)}`, { tree: "none" }, signal),
  );
  const step = chosen === null ? details : (loaded.data ?? tree.find((one) => one.id === chosen) ?? details);
  const { input, output } = step;
  const parent = tree.find((one) => one.id === details.parent);
  return (
    <>
      <header class="page-head">
        <nav aria-label="Breadcrumb" class="crumbs">
          <a href={timelineBefore()}>Timeline</a>
          {details.root !== details.id && details.root !== details.parent && (
            <a href={href("activity", { id: details.root })}>
              <Name text={nameOf(tree, details.root)} />
            </a>
          )}
          {details.parent !== null && (
            <a href={href("activity", { id: details.parent })}>
              <Name text={parent?.name ?? "Parent"} />
            </a>
          )}
        </nav>
        <div class="activity-title">
          <StatusMark status={details.status} label />
          <h1>
            <Name text={details.name} />
          </h1>
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
            View session
          </a>
        )}
        <a class="button" href={apiUrl(`activities/${segment(details.id)}`)} target="_blank" rel="noreferrer">
          JSON
        </a>
        <Copy text={`activity show ${details.id}`}>Copy CLI command</Copy>
      </header>
      <Errors details={details} failed={failed} onSelect={select} />
      <div class="split split-open activity">
        <div class="activity-main">
          <Waterfall
            feed={feed}
            failed={failed?.total ?? 0}
            current={details.id}
            selected={step.id}
            onSelect={select}
          />
          {input !== null && <Payload title="Input" preview={input} name={step.name} />}
          {output !== null && <Payload title="Output" preview={output} name={step.name} />}
          <section class="panel" aria-labelledby="events">
            <h2 id="events">
              Events{" "}
              <span class="dim">{details.events.length === 0 ? "none" : count(details.events.length)}</span>
            </h2>
            {details.events.length > 0 && <EventList events={details.events} />}
          </section>
          <HiddenJson title="Raw JSON" value={withoutLists(step)} />
        </div>
        <aside class="aside aside-inline" aria-label={`Details of ${printable(step.name)}`}>
          {step.id !== details.id && (
            <>
              <div class="aside-head">
                <StatusMark status={step.status} label />
                <div class="spacer" />
                <a class="button" href={href("activity", { id: step.id })}>
                  Open
                </a>
              </div>
              <h2 class="aside-name">
                <Name text={step.name} />
              </h2>
              {(step.error_type ?? step.message) !== null && <ErrorBox of={step} />}
            </>
          )}
          <Fields activity={step} />
        </aside>
      </div>
    </>
  );
}

/** Errors of the activity and of its tree, the root cause first, above everything else. */
function Errors({
  details,
  failed,
  onSelect,
}: {
  details: ActivityResponse;
  failed: TreePage | null;
  onSelect: (id: string) => void;
}) {
  const cause = details.root_cause.at(-1);
  const isElsewhere = cause !== undefined && cause.id !== details.id;
  const own = details.error_type !== null || details.message !== null;
  const named = [details.id, ...details.root_cause.map((one) => one.id)];
  const others = (failed?.activities ?? []).filter((one) => !named.includes(one.id));
  const total = (failed?.total ?? 0) - details.root_cause.length;
  if (!own && cause === undefined && others.length === 0) {
    return null;
  }
  return (
    <section class="errors" aria-label="Errors">
      <RootCause path={details.root_cause} of={details} onSelect={onSelect} />
      {own && <ErrorBox of={details} />}
      {others.length > 0 && total > 0 && (
        <p>
          <span class="dim">{failedSteps(total, own || isElsewhere)} </span>
          {others.slice(0, MAX_NAMED).map((one) => (
            <button type="button" class="field-value" key={one.id} onClick={() => onSelect(one.id)}>
              <Name text={one.name} /> <span class="bad">{one.error_type}</span>
            </button>
          ))}
        </p>
      )}
    </section>
  );
}

function ErrorBox({ of }: { of: ActivityRecord }) {
  return (
    <p class={of.status === "failed" ? "error-box" : "error-box error-calm"}>
      {of.error_type !== null && <b>{of.error_type}</b>} {of.message}
    </p>
  );
}

/** Introduces the failed steps of a tree. */
function failedSteps(total: number, hasOwn: boolean): string {
  const steps = total === 1 ? "step" : "steps";
  return `${count(total)} ${hasOwn ? `other ${steps}` : steps} failed:`;
}

function nameOf(tree: readonly ActivityRecord[], id: string): string {
  return tree.find((one) => one.id === id)?.name ?? "Root";
}

function withoutLists(of: ActivityRecord & Partial<ActivityResponse>): unknown {
  const { tree_size, root_cause, events, recordings, ...rest } = of;
  return rest;
}
