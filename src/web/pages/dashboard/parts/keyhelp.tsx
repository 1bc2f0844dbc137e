/** A button that lists keyboard shortcuts: each with what it does. */
export function KeyHelp({ keys }: { keys: readonly (readonly [string, string])[] }) {
  return (
    <details class="menu key-help wide-only">
      <summary class="button">Keys</summary>
      <dl class="menu-list">
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
