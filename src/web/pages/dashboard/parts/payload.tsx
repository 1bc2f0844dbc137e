import { useMemo, useState } from "preact/hooks";
import { bytes, count } from "../data/format";
import { print } from "../data/json";
import { jsonLines, type Line, matchingLines, textLines } from "../data/lines";
import type { Preview } from "../data/records";
import { Copy } from "./copy";
import { Lines } from "./lines";

/** Payloads with more lines can be searched. */
const SHORT = 8;
/** Lines of longer payloads are folded below this depth, by the button. */
const FOLD_DEPTH = 1;

/** A payload: JSON is laid out and can be folded. */
export function Payload({ title, preview, name }: { title: string; preview: Preview; name: string }) {
  const { text } = preview;
  const json = useMemo(() => jsonLines(text), [text]);
  const raw = useMemo(() => textLines(text), [text]);
  const [isRaw, setRaw] = useState(false);
  const [wrap, setWrap] = useState(true);
  const [query, setQuery] = useState("");
  const [match, setMatch] = useState(0);
  const lines = json === null || isRaw ? raw : json;
  const [folded, fold, setFolded] = useFolded(lines);
  const matches = useMemo(() => matchingLines(lines, query), [lines, query]);
  const at = matches[match % Math.max(1, matches.length)];
  const step = (by: number) => {
    const next = (match + by + matches.length) % Math.max(1, matches.length);
    setMatch(next);
    reveal(next);
  };
  // A match in a folded part unfolds it.
  const reveal = (n: number, found = matches) => {
    const line = found[n] ?? -1;
    const around = [...folded].filter((start) => start < line && line <= (lines[start]?.end ?? -1));
    if (around.length > 0) {
      setFolded(new Set([...folded].filter((start) => !around.includes(start))));
    }
  };
  const search = (to: string) => {
    setQuery(to);
    setMatch(0);
    reveal(0, matchingLines(lines, to));
  };
  const note = preview.truncated ? `truncated from at least ${bytes(preview.bytes)}` : bytes(preview.bytes);
  const foldable = lines.some((line) => line.end !== null && line.depth >= FOLD_DEPTH);
  const id = title.toLowerCase();
  return (
    <section class="panel payload" aria-labelledby={`payload-${id}`}>
      <div class="panel-head">
        <h2 id={`payload-${id}`}>
          {title} <span class="dim">{note}</span>
        </h2>
        <div class="tools">
          {lines.length > SHORT && (
            <span class="payload-search">
              <input
                type="search"
                aria-label={`Search in ${id}`}
                placeholder="Search"
                value={query}
                onInput={(event) => search(event.currentTarget.value)}
                onKeyDown={(event) => event.key === "Enter" && step(event.shiftKey ? -1 : 1)}
              />
              {query !== "" && (
                <span class="num dim" role="status">
                  {matches.length === 0
                    ? "none"
                    : `${(match % matches.length) + 1} of ${count(matches.length)}`}
                </span>
              )}
            </span>
          )}
          {foldable && (
            <button
              type="button"
              class="button"
              onClick={() => setFolded(folded.size > 0 ? new Set() : below(lines))}
            >
              {folded.size > 0 ? "Unfold all" : "Fold all"}
            </button>
          )}
          {json !== null && (
            <button type="button" class="button" aria-pressed={isRaw} onClick={() => setRaw(!isRaw)}>
              Raw
            </button>
          )}
          <button type="button" class="button" aria-pressed={wrap} onClick={() => setWrap(!wrap)}>
            Wrap
          </button>
          <Copy text={text}>Copy</Copy>
          <button
            type="button"
            class="button"
            onClick={() => download(text, `${fileName(name)}-${id}.${json === null ? "txt" : "json"}`)}
          >
            Download
          </button>
        </div>
      </div>
      <Lines
        lines={lines}
        json={json !== null && !isRaw}
        label={title}
        wrap={wrap}
        folded={folded}
        onFold={fold}
        query={query}
        at={at}
      />
    </section>
  );
}

/** A payload beside a list: as much as fits. */
export function ShortPayload({ title, preview }: { title: string; preview: Preview }) {
  const json = useMemo(() => jsonLines(preview.text), [preview.text]);
  const lines = useMemo(() => json ?? textLines(preview.text), [json, preview.text]);
  const [folded, fold] = useFolded(lines);
  return (
    <section>
      <div class="aside-head">
        <h3>
          {title} <span class="dim">{bytes(preview.bytes)}</span>
        </h3>
        <div class="spacer" />
        <Copy text={preview.text}>Copy</Copy>
      </div>
      <Lines lines={lines} json={json !== null} label={title} folded={folded} onFold={fold} />
    </section>
  );
}

/** A value of a record as JSON. */
export function Json({ value, label }: { value: unknown; label: string }) {
  const text = print(value, "compact");
  const lines = useMemo(() => jsonLines(text) ?? textLines(text), [text]);
  const [folded, fold] = useFolded(lines);
  return <Lines lines={lines} json label={label} folded={folded} onFold={fold} />;
}

/** A value of a record as JSON, once it is opened. */
export function HiddenJson({ title, value }: { title: string; value: unknown }) {
  const [open, setOpen] = useState(false);
  return (
    <details class="as-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{title}</summary>
      {open && <Json value={value} label={title} />}
    </details>
  );
}

function useFolded(
  lines: readonly Line[],
): [ReadonlySet<number>, (line: number) => void, (to: ReadonlySet<number>) => void] {
  const [state, setState] = useState<{ lines: readonly Line[]; folded: ReadonlySet<number> }>({
    lines,
    folded: new Set(),
  });
  // Other lines are not folded.
  const folded = state.lines === lines ? state.folded : new Set<number>();
  const setFolded = (to: ReadonlySet<number>) => setState({ lines, folded: to });
  const fold = (line: number) => {
    const next = new Set(folded);
    if (!next.delete(line)) {
      next.add(line);
    }
    setFolded(next);
  };
  return [folded, fold, setFolded];
}

function below(lines: readonly Line[]): ReadonlySet<number> {
  return new Set(lines.flatMap((line, n) => (line.end !== null && line.depth >= FOLD_DEPTH ? [n] : [])));
}

function fileName(name: string): string {
  return name.replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 60) || "payload";
}

function download(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text]));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
