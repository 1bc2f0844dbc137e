import { useEffect, useState } from "preact/hooks";

/** The longest text to show as a tooltip. */
const MAX_TITLE = 500;

/** A button that copies a text to the clipboard and confirms it. */
export function Copy({ text, children }: { text: string; children: string }) {
  const [result, setResult] = useState<string | null>(null);
  useEffect(() => {
    if (result === null) {
      return;
    }
    const timer = setTimeout(() => setResult(null), 2_000);
    return () => clearTimeout(timer);
  }, [result]);
  const copy = () => {
    // `clipboard` is undefined in insecure contexts (plain HTTP from another machine).
    const written = navigator.clipboard?.writeText(text) ?? Promise.reject();
    written.then(
      () => setResult("Copied"),
      () => setResult("Copying is blocked"),
    );
  };
  return (
    <button type="button" class="button" onClick={copy} title={text.length > MAX_TITLE ? undefined : text}>
      {/* Only the result is announced: the label may change all the time. */}
      <span aria-live={result === null ? "off" : "polite"}>{result ?? children}</span>
    </button>
  );
}

/** Quotes a text for a shell. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
