import { count, plural } from "../data/format";
import type { StoreResponse } from "../data/records";
import { href } from "../data/route";

/** Says in a sentence what the pages show: the file of one machine, or all logs of a central store. */
export function storeText({ name, host, logs }: StoreResponse): string {
  if (logs === null) {
    return host === null ? `${name}` : `${name} on ${host}, this machine only`;
  }
  const retired = logs.retired > 0 ? ` (and ${count(logs.retired)} retired)` : "";
  return `${plural(logs.known - logs.retired, "log")}${retired} in ${name}`;
}

/** The same in a word, as a link to the page Health. */
export function StoreLink({ store }: { store: StoreResponse | null }) {
  if (store === null || store.name === null) {
    return null;
  }
  const { name, host, logs } = store;
  return (
    <a class="count store wide-only" href={href("health")} title={storeText(store)}>
      {logs !== null ? plural(logs.known - logs.retired, "log") : (host ?? name)}
    </a>
  );
}
