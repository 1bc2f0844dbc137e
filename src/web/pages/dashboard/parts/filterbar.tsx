import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Problem } from "../data/api";
import { type Completion, complete, fieldValue, withField } from "../data/filter";
import { useKnown } from "../data/known";
import { escaped, shortened } from "../data/names";
import { useViews } from "../data/views";

const RANGES = [
  ["", "Any time"],
  ["15m", "Last 15 minutes"],
  ["1h", "Last hour"],
  ["24h", "Last 24 hours"],
  ["7d", "Last 7 days"],
  ["30d", "Last 30 days"],
] as const;

interface Bar {
  /** The page whose filters are kept. */
  page: string;
  q: string;
  /** Values of fields without metrics. */
  known?: Record<string, readonly string[]>;
  /** Fields that the listed records do not have. */
  without?: readonly string[];
  problem: Problem | null;
  placeholder: string;
  onChange: (q: string) => void;
}

/** The filter input, with completion of fields and values. */
export function FilterBar({ page, q, known = {}, without = [], problem, placeholder, onChange }: Bar) {
  // Another filter replaces what is typed: at once, as the next key may follow.
  const typing = useRef({ q, text: q });
  if (typing.current.q !== q) {
    typing.current = { q, text: q };
  }
  const { text } = typing.current;
  const [, setKeys] = useState(0);
  const setText = (to: string) => {
    typing.current.text = to;
    setKeys((n) => n + 1);
  };
  const [open, setOpen] = useState(false);
  const [chosen, setChosen] = useState(-1);
  const [caret, setCaret] = useState(q.length);
  const input = useRef<HTMLInputElement>(null);
  const list = useId();
  /** Where the caret goes once the completed text is in the input. */
  const place = useRef<number | null>(null);
  useLayoutEffect(() => {
    if (place.current !== null) {
      input.current?.setSelectionRange(place.current, place.current);
      place.current = null;
    }
  });

  const [values, ask] = useKnown();
  const completions = open ? complete(text, caret, { ...values, ...known }, without) : [];
  const apply = (value: string) => {
    setOpen(false);
    setText(value.trim());
    onChange(value.trim());
  };
  const take = (completion: Completion) => {
    setText(completion.text);
    setCaret(completion.caret);
    setChosen(-1);
    place.current = completion.caret;
    if (/[:.]$/.test(completion.label)) {
      setOpen(true);
    } else {
      apply(completion.text);
    }
  };
  const keyed = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      setOpen(true);
      const rows = completions.length + 1;
      setChosen((at) => ((at + 1 + step + rows) % rows) - 1);
      return;
    }
    const completion = completions[chosen];
    if (event.key === "Enter" || (event.key === "Tab" && completion !== undefined)) {
      event.preventDefault();
      if (completion !== undefined) {
        take(completion);
      } else {
        // What is typed, also if it is not rendered yet.
        apply(typing.current.text);
      }
    } else if (event.key === "Escape") {
      event.stopPropagation();
      setOpen(false);
      setChosen(-1);
      input.current?.blur();
    }
  };
  const typed = (event: Event) => {
    const field = event.currentTarget as HTMLInputElement;
    setText(field.value);
    setCaret(field.selectionStart ?? field.value.length);
    setOpen(true);
    setChosen(-1);
  };

  const [views, toggleView] = useViews(page);
  const since = fieldValue(q, "since") ?? "";
  const custom = RANGES.every(([value]) => value !== since);
  return (
    <search class="filterbar">
      <div class="filter-field">
        <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" class="filter-icon">
          <path d="M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9ZM10.5 10.5l3.5 3.5" />
        </svg>
        <input
          ref={input}
          id="filter"
          type="text"
          role="combobox"
          aria-label="Filter"
          aria-expanded={completions.length > 0}
          aria-controls={list}
          aria-autocomplete="list"
          aria-activedescendant={chosen >= 0 ? `${list}-${chosen}` : undefined}
          aria-invalid={problem !== null}
          placeholder={placeholder}
          spellcheck={false}
          autocomplete="off"
          value={text}
          onInput={typed}
          onClick={typed}
          onKeyDown={keyed}
          onFocus={ask}
          onBlur={() => setOpen(false)}
        />
        <kbd>/</kbd>
        {text !== "" && (
          <button type="button" class="icon-button" aria-label="Clear filter" onClick={() => apply("")}>
            ×
          </button>
        )}
        <div
          class="completions"
          id={list}
          role="listbox"
          aria-label="Completions"
          hidden={completions.length === 0}
        >
          {completions.map((completion, n) => (
            <div
              key={completion.label}
              id={`${list}-${n}`}
              role="option"
              tabIndex={-1}
              aria-selected={n === chosen}
              class="completion"
              onPointerDown={(event) => {
                event.preventDefault();
                take(completion);
              }}
            >
              <code>{escaped(completion.label)}</code> <span class="dim">{completion.description}</span>
            </div>
          ))}
        </div>
      </div>
      {!without.includes("since") && (
        <select
          aria-label="Time range"
          value={since}
          onChange={(event) => apply(withField(q, "since", event.currentTarget.value || null))}
        >
          {custom && <option value={since}>Since {since}</option>}
          {RANGES.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      )}
      {q !== "" && problem === null && (
        <button
          type="button"
          class="button"
          aria-pressed={views.includes(q)}
          title={
            views.includes(q) ? "Remove this filter from the saved views" : "Keep this filter in the browser"
          }
          onClick={() => toggleView(q)}
        >
          {views.includes(q) ? "Saved" : "Save view"}
        </button>
      )}
      {problem !== null && <FilterProblem q={q} problem={problem} />}
      {views.length > 0 && (
        <ul class="views" aria-label="Saved views">
          {views.map((view) => (
            <li key={view} class="view">
              <button
                type="button"
                class="view-open"
                aria-pressed={view === q}
                title={escaped(view)}
                onClick={() => apply(view)}
              >
                {shortened(view, 40)}
              </button>
              <button
                type="button"
                class="view-remove"
                aria-label={`Remove saved view ${shortened(view)}`}
                onClick={() => toggleView(view)}
              >
                ×
              </button>
            </li>
          ))}
        </ul>
      )}
    </search>
  );
}

/** The error of a filter, with the invalid part marked. */
function FilterProblem({ q, problem }: { q: string; problem: Problem }) {
  const [start, end] = problem.span ?? [0, 0];
  // The span counts code points.
  const chars = Array.from(q);
  return (
    <p class="filter-problem" role="alert">
      {end > start && (
        <code>
          {chars.slice(0, start).join("")}
          <mark>{chars.slice(start, end).join("")}</mark>
          {chars.slice(end).join("")}
        </code>
      )}
      <span>
        {problem.message}
        {problem.help !== null && <> · {problem.help}</>}
      </span>
    </p>
  );
}
