// What ran inside the roots of a list.

import { useEffect, useState } from "preact/hooks";
import { getJson } from "./api";
import { useLoad } from "./load";
import type { ActivityRecord, Descendants, DescendantsResponse } from "./records";
import { remembered } from "./route";

interface Kept {
  found: ReadonlyMap<string, Descendants>;
  /** The status that a root had when it was asked for. */
  asked: Map<string, string>;
}

/** The most roots of one request. */
const MOST = 100;

/**
 * Loads what ran inside those rows that are roots, and again when one has ended. Roots without anything inside are not in
 * the map.
 */
export function useDescendants(rows: readonly ActivityRecord[]): ReadonlyMap<string, Descendants> {
  // Back shows at once what was loaded.
  const kept = remembered("descendants", (): Kept => ({ found: new Map(), asked: new Map() }));
  const [found, setFound] = useState(kept.found);
  const wanted = rows
    .filter((row) => row.root === row.id && kept.asked.get(row.id) !== row.status)
    .slice(0, MOST);
  const ids = wanted.map((row) => row.id).join(",");
  const { data } = useLoad(`descendants ${ids}`, async (signal) => {
    if (ids === "") {
      return null;
    }
    const answer = await getJson<DescendantsResponse>("descendants", { ids }, signal);
    return { ids, wanted, descendants: answer.descendants };
  });
  useEffect(() => {
    if (data !== null && data.ids === ids) {
      for (const row of data.wanted) {
        kept.asked.set(row.id, row.status);
      }
      const all = new Map(kept.found);
      for (const id of data.ids.split(",")) {
        all.delete(id);
      }
      for (const one of data.descendants) {
        all.set(one.root, one);
      }
      kept.found = all;
      setFound(all);
    }
  }, [data]);
  return found;
}
