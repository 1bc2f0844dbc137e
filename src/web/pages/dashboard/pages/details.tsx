import { getJson, segment } from "../data/api";
import { count } from "../data/format";
import { useLoad } from "../data/load";
import { printable } from "../data/names";
import type { ActivityRecord, ActivityResponse } from "../data/records";
import { href, navigate } from "../data/route";
import { Brand, StatusMark, Tag } from "../parts/badge";
import { Name } from "../parts/name";
import { ShortPayload } from "../parts/payload";
import { RootCause } from "../parts/rootcause";
import { LoadError, Skeleton } from "../parts/states";
import { Fields } from "./fields";

interface Shown {
  id: string;
  /** The row of the list, if it is loaded. */
  known: ActivityRecord | undefined;
  q: string;
  onClose: () => void;
}

/** The details of an activity, beside the list. */
export function DetailsPanel({ id, known, q, onClose }: Shown) {
  // A change of status reloads it.
  const loaded = useLoad(`details ${id} ${known?.status ?? ""}`, (signal) =>
    getJson<ActivityResponse>(`activities/${segment(id)}`, { tree: "none" }, signal),
  );
  const one: ActivityRecord | null = known ?? loaded.data;
  if (one === null) {
    return (
      <aside class="aside" aria-label="Details">
        <div class="aside-head">
          <div class="spacer" />
          <Close onClose={onClose} />
        </div>
        {loaded.problem === null ? (
          <Skeleton what="the activity" />
        ) : (
          <LoadError what="the activity" problem={loaded.problem} retry={loaded.reload} />
        )}
      </aside>
    );
  }
  const size = loaded.data?.tree_size ?? 1;
  const recordings = loaded.data?.recordings ?? [];
  return (
    <aside class="aside" aria-label={`Details of ${printable(one.name)}`}>
      <div class="aside-head">
        <StatusMark status={one.status} label />
        <div class="spacer" />
        <a class="button button-strong" href={href("activity", { id })}>
          Open
        </a>
        <Close onClose={onClose} />
      </div>
      <h2 class="aside-name">
        <Name text={one.name} />
      </h2>
      <p class="aside-tags">
        <Tag>{one.kind}</Tag>
        {one.brand !== null && <Brand name={one.brand} />}
        {size > 1 && <span class="dim">in a tree of {count(size)} activities</span>}
      </p>
      {loaded.data !== null && (
        <RootCause
          path={loaded.data.root_cause}
          of={one}
          onSelect={(step) => navigate(href("activity", { id, step }))}
        />
      )}
      {(one.error_type !== null || one.message !== null) && (
        <p class="error-box">
          {one.error_type !== null && <b>{one.error_type}</b>} {one.message}
        </p>
      )}
      {recordings.map((recording) => (
        <a key={recording.id} class="button" href={href("replay", { id: recording.id, activity: id })}>
          ▶ Replay ({recording.format})
        </a>
      ))}
      <Fields activity={one} q={q} />
      {one.input !== null && <ShortPayload title="Input" preview={one.input} />}
      {one.output !== null && <ShortPayload title="Output" preview={one.output} />}
    </aside>
  );
}

function Close({ onClose }: { onClose: () => void }) {
  return (
    <button type="button" class="icon-button" aria-label="Close details" onClick={onClose}>
      ×
    </button>
  );
}
