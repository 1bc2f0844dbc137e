import { useEffect, useState } from "preact/hooks";

/** A button that puts a text into the clipboard, and says that it did. */
export function Copy({ text, children }: { text: string; children: string }) {
  const [said, setSaid] = useState<string | null>(null);
  useEffect(() => {
    if (said === null) {
      return;
    }
    const timer = setTimeout(() => setSaid(null), 2_000);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = () => {
    // Not there on pages of plain HTTP from elsewhere.
    const written = navigator.clipboard?.writeText(text) ?? Promise.reject();
    written.then(
      () => setSaid("Copied"),
      () => setSaid("Not allowed to copy"),
    );
  };
  return (
    <button type="button" class="button" onClick={copy} title={text}>
      <span aria-live="polite">{said ?? children}</span>
    </button>
  );
}

/** As a shell reads it. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
