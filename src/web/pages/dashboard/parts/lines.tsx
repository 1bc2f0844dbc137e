import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Line, unfoldedLines } from "../data/lines";
import { escapedLine } from "../data/names";

/** Lines in a block: blocks are rendered once they come near the window of their text. */
const BLOCK = 100;
const LINE_HEIGHT = 18;
/** How near, in pixels. */
const MARGIN = 800;
/** Levels that are indented. */
const MAX_DEPTH = 16;
/** Longer lines are not highlighted, to keep the page responsive. */
const MAX_HIGHLIGHT = 100_000;

interface Shown {
  lines: readonly Line[];
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
export function Lines({ lines, label, wrap = true, folded, onFold, query = "", at }: Shown) {
  const box = useRef<HTMLDivElement>(null);
  const blocks = useMemo(() => {
    const shown = unfoldedLines(lines, folded);
    return Array.from({ length: Math.ceil(shown.length / BLOCK) }, (_, n) =>
      shown.slice(n * BLOCK, (n + 1) * BLOCK),
    );
  }, [lines, folded]);
  useEffect(() => {
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

function Block({ numbers, lines, folded, onFold, query = "", at, near }: BlockOf) {
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
  /** The text of the line that closes what this one opens. */
  closing: string;
  folded: boolean;
  onFold: (line: number) => void;
  query: string;
  current: boolean;
}

function Row({ n, line, closing, folded, onFold, query, current }: RowOf) {
  const depth = Math.min(line.depth, MAX_DEPTH);
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
      {query === "" ? highlighted(escapedLine(line.text)) : marked(escapedLine(line.text), query)}
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
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, end)) {
    parts.push(text.slice(end, at), <mark>{text.slice(at, at + wanted.length)}</mark>);
    end = at + wanted.length;
  }
  return [...parts, text.slice(end)];
}

function highlighted(text: string): (string | JSX.Element)[] {
  if (text.length > MAX_HIGHLIGHT) {
    return [text];
  }
  const parts: (string | JSX.Element)[] = [];
  const token = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\b\d[\d.eE+-]*\b/g;
  let end = 0;
  for (const match of text.matchAll(token)) {
    parts.push(text.slice(end, match.index));
    const [whole, string, colon] = match;
    const kind = string === undefined ? "atom" : colon === undefined ? "string" : "key";
    parts.push(<span class={`json-${kind}`}>{string ?? whole}</span>, colon ?? "");
    end = match.index + whole.length;
  }
  parts.push(text.slice(end));
  return parts;
}
