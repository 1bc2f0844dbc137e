import type { JSX } from "preact";
import { bytes } from "../data/format";
import type { Preview } from "../data/records";

/** A payload as it was kept; JSON laid out. */
export function Payload({ title, preview }: { title: string; preview: Preview }) {
  const note = preview.truncated ? `at least ${bytes(preview.bytes)}, cut off` : bytes(preview.bytes);
  return (
    <section class="payload">
      <h3>
        {title} <span class="dim">{note}</span>
      </h3>
      <pre class="code" role="group" tabIndex={0} aria-label={title}>
        {highlighted(laidOut(preview.text))}
      </pre>
    </section>
  );
}

export function Json({ value, label }: { value: unknown; label: string }) {
  return (
    <pre class="code" role="group" tabIndex={0} aria-label={label}>
      {highlighted(JSON.stringify(value, null, 2))}
    </pre>
  );
}

function laidOut(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** Beyond this a page would feel it. */
const MOST = 100_000;

function highlighted(text: string): (string | JSX.Element)[] {
  if (text.length > MOST) {
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
