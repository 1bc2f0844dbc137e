import { getJson } from "../data/api";
import { exactly } from "../data/counted";
import { terms } from "../data/filter";
import { useLoad } from "../data/load";
import { shortened } from "../data/names";
import type { Ranking } from "../data/records";

const SCOPES = ["project", "agent", "name", "brand"] as const;

/** Loads values of the fields that have metrics, for completion and the choice of a scope. */
export async function known(signal: AbortSignal): Promise<Record<string, string[]>> {
  const lists = SCOPES.map(async (scope) => {
    const answer = await getJson<Ranking>(`metrics/${scope}s`, { window: "month" }, signal);
    return [scope, answer.ranking.slice(0, 100).map((one) => one.id)] as const;
  });
  return Object.fromEntries(await Promise.all(lists));
}

/** Selects the scope of the metrics. */
export function ScopeChoice({
  scope,
  onChange,
}: {
  scope: string | undefined;
  onChange: (to: string | null) => void;
}) {
  const values = useLoad("known", known).data ?? {};
  const options = SCOPES.map((field) => [field, values[field] ?? []] as const);
  const listed =
    scope === undefined || options.some(([field, ids]) => ids.some((id) => exactly(field, id) === scope));
  const conditions = terms(scope ?? "").map((term) => term.text);
  return (
    <>
      <select
        aria-label="Scope"
        value={scope ?? ""}
        onChange={(event) => onChange(event.currentTarget.value || null)}
      >
        <option value="">All activity</option>
        {!listed && (
          <option value={scope}>
            {conditions.length === 1 ? shortened(scope ?? "") : `${conditions.length} conditions`}
          </option>
        )}
        {options.map(
          ([field, ids]) =>
            ids.length > 0 && (
              <optgroup key={field} label={`${field.charAt(0).toUpperCase()}${field.slice(1)}s`}>
                {ids.slice(0, 30).map((id) => (
                  <option key={id} value={exactly(field, id)}>
                    {shortened(id)}
                  </option>
                ))}
              </optgroup>
            ),
        )}
      </select>
      {conditions.length > 1 &&
        conditions.map((one) => (
          <button
            type="button"
            key={one}
            class="button scope-term"
            aria-label={`Remove ${one} from the scope`}
            onClick={() => onChange(conditions.filter((other) => other !== one).join(" "))}
          >
            <span>{one}</span> ×
          </button>
        ))}
    </>
  );
}
