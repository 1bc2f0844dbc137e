import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Line, unfoldedLines } from "../data/lines";
import { escapedLine } from "../data/names";

/** Lines in a block: blocks are rendered once they come near the window of their text. */
const BLOCK = 60;
const LINE_HEIGHT = 18;
/** How near, in pixels. */
const MARGIN = 800;
/** Places to mark in a line. */
const MAX_MARKS = 100;
/** Levels that are indented. */
const MAX_DEPTH = 16;

interface Shown {
  lines: readonly Line[];
  /** Whether they are JSON, which is highlighted. */
  json: boolean;
  label: string;
  wrap?: boolean;
  folded: ReadonlySet<number>;
  onFold: (line: number) => void;
  /** A text to mark. */
  query?: string;
  /** The line to scroll to. */
  at?: number | undefined;
}

/** Lines of text or JSON, of any number: only those near the window are in the document. */
export function Lines({ lines, json, label, wrap = true, folded, onFold, query = "", at }: Shown) {
  const box = useRef<HTMLDivElement>(null);
  const blocks = useMemo(() => {
    const shown = unfoldedLines(lines, folded);
    return Array.from({ length: Math.ceil(shown.length / BLOCK) }, (_, n) =>
      shown.slice(n * BLOCK, (n + 1) * BLOCK),
    );
  }, [lines, folded]);
  useLayoutEffect(() => {
    const frame = box.current;
    const line = at === undefined ? null : frame?.querySelector(`[data-line="${at}"]`);
    if (frame && line) {
      const [inner, outer] = [line.getBoundingClientRect(), frame.getBoundingClientRect()];
      frame.scrollTop += inner.top - outer.top - (outer.height - inner.height) / 2;
    }
  }, [at, blocks]);
  return (
    <div ref={box} class={`code ${wrap ? "" : "code-long"}`} role="group" tabIndex={0} aria-label={label}>
      {blocks.map((block, n) => (
        <Block
          key={block[0]}
          numbers={block}
          lines={lines}
          json={json}
          folded={folded}
          onFold={onFold}
          query={query}
          at={at}
          near={n === 0}
        />
      ))}
    </div>
  );
}

interface BlockOf extends Omit<Shown, "label"> {
  numbers: readonly number[];
  near: boolean;
}

function Block({ numbers, lines, json, folded, onFold, query = "", at, near }: BlockOf) {
  const element = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState(near);
  const shown = seen || (at !== undefined && numbers.includes(at));
  useEffect(() => {
    if (shown || element.current === null) {
      return;
    }
    const observer = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && setSeen(true),
      { root: element.current.parentElement, rootMargin: `${MARGIN}px` },
    );
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [shown]);
  return (
    <div ref={element} style={shown ? {} : { height: `${numbers.length * LINE_HEIGHT}px` }}>
      {shown &&
        numbers.map((n) => {
          const line = lines[n];
          return (
            line !== undefined && (
              <Row
                key={n}
                n={n}
                line={line}
                json={json}
                closing={line.end === null ? "" : (lines[line.end]?.text ?? "")}
                folded={folded.has(n)}
                onFold={onFold}
                query={query}
                current={n === at}
              />
            )
          );
        })}
    </div>
  );
}

interface RowOf {
  n: number;
  line: Line;
  json: boolean;
  /** The text of the line that closes what this one opens. */
  closing: string;
  folded: boolean;
  onFold: (line: number) => void;
  query: string;
  current: boolean;
}

function Row({ n, line, json, closing, folded, onFold, query, current }: RowOf) {
  const depth = Math.min(line.depth, MAX_DEPTH);
  const text = escapedLine(line.text);
  return (
    <div class={`line ${current ? "line-current" : ""}`} data-line={n} style={{ "--depth": depth }}>
      {line.end !== null && (
        // The buttons for all lines are for the keyboard.
        <button
          type="button"
          tabIndex={-1}
          class={`line-fold ${folded ? "folded" : ""}`}
          aria-expanded={!folded}
          aria-label={`Fold line ${n + 1}`}
          onClick={() => onFold(n)}
        />
      )}
      {"  ".repeat(depth)}
      {query !== "" ? marked(text, query) : json ? highlighted(text) : text}
      {folded && (
        <button type="button" tabIndex={-1} class="line-more" onClick={() => onFold(n)}>
          {line.items} {line.items === 1 ? "item" : "items"}
        </button>
      )}
      {folded && closing}
      {"\n"}
    </div>
  );
}

/** Marks all places of a text, without regard to case. */
function marked(text: string, query: string): (string | JSX.Element)[] {
  const parts: (string | JSX.Element)[] = [];
  const [lower, wanted] = [text.toLowerCase(), query.toLowerCase()];
  let end = 0;
  let at = lower.indexOf(wanted);
  for (let n = 0; at >= 0 && n < MAX_MARKS; n += 1) {
    parts.push(text.slice(end, at), <mark>{text.slice(at, at + wanted.length)}</mark>);
    end = at + wanted.length;
    at = lower.indexOf(wanted, end);
  }
  return [...parts, text.slice(end)];
}

/** A line of JSON: a key, and a string or another value. */
const KEY = /^("(?:[^"\\]|\\.)*")(: )/;
const STRING = /^"(?:[^"\\]|\\.)*"?/;
const ATOM = /^[-\w.+]+/;

function highlighted(text: string): (string | JSX.Element)[] {
  const [, key = "", colon = ""] = KEY.exec(text) ?? [];
  const rest = text.slice(key.length + colon.length);
  const string = STRING.exec(rest)?.[0] ?? "";
  const value = string === "" ? (ATOM.exec(rest)?.[0] ?? "") : string;
  return [
    key !== "" ? <span class="json-key">{key}</span> : "",
    colon,
    value !== "" ? <span class={string === "" ? "json-atom" : "json-string"}>{value}</span> : "",
    rest.slice(value.length),
  ];
}
