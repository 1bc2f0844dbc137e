import type { JSX } from "preact";
import { bytes } from "../data/format";
import { parse, print } from "../data/json";
import type { Preview } from "../data/records";

/** A payload preview; JSON is formatted. */
export function Payload({ title, preview }: { title: string; preview: Preview }) {
  const note = preview.truncated ? `truncated from at least ${bytes(preview.bytes)}` : bytes(preview.bytes);
  return (
    <section class="payload">
      <h3>
        {title} <span class="dim">{note}</span>
      </h3>
      <pre class="code" role="group" tabIndex={0} aria-label={title}>
        {highlighted(formatted(preview.text))}
      </pre>
    </section>
  );
}

export function Json({ value, label }: { value: unknown; label: string }) {
  return (
    <pre class="code" role="group" tabIndex={0} aria-label={label}>
      {highlighted(print(value, "indented"))}
    </pre>
  );
}

function formatted(text: string): string {
  try {
    return print(parse(text), "indented");
  } catch {
    return text;
  }
}

/** Longer texts are not highlighted, to keep the page responsive. */
const MAX_HIGHLIGHT = 100_000;

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
