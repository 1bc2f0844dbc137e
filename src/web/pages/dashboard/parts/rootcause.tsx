import { count } from "../data/format";
import { escaped } from "../data/names";
import type { ActivityRecord } from "../data/records";
import { Name } from "./name";

/** Steps to name on the path. */
const MAX_PATH = 6;

/** The deepest failure that came first, with the path to it; nothing if that is the activity itself. */
export function RootCause({
  path,
  of,
  onSelect,
}: {
  path: readonly ActivityRecord[];
  of: ActivityRecord;
  onSelect: (id: string) => void;
}) {
  const cause = path.at(-1);
  const steps = path.filter((one) => one.id !== of.id);
  return cause === undefined || cause.id === of.id ? null : (
    <div class="error-box cause">
      <h2>Root cause</h2>
      <p>
        {cause.error_type !== null && <b>{cause.error_type}</b>} <bdi>{escaped(cause.message ?? "")}</bdi>
      </p>
      <ol class="cause-path" aria-label="Path to the root cause">
        <li>
          <Name text={of.name} />
        </li>
        {steps.length > MAX_PATH && <li class="dim">… {count(steps.length - MAX_PATH)} more</li>}
        {steps.slice(-MAX_PATH).map((one) => (
          <li key={one.id}>
            <button type="button" class="field-value" onClick={() => onSelect(one.id)}>
              <Name text={one.name} />
            </button>
          </li>
        ))}
      </ol>
    </div>
  );
}
