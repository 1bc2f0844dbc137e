import { exactly } from "../data/counted";
import { terms } from "../data/filter";
import { SCOPES, useKnown } from "../data/known";
import { shortened } from "../data/names";

/** Selects the scope of the metrics. */
export function ScopeChoice({
  scope,
  onChange,
}: {
  scope: string | undefined;
  onChange: (to: string | null) => void;
}) {
  const [values, ask] = useKnown();
  const options = SCOPES.map((field) => [field, values[field] ?? []] as const);
  const listed =
    scope === undefined || options.some(([field, ids]) => ids.some((id) => exactly(field, id) === scope));
  const conditions = terms(scope ?? "").map((term) => term.text);
  return (
    <>
      <select
        aria-label="Scope"
        onFocus={ask}
        onPointerEnter={ask}
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
