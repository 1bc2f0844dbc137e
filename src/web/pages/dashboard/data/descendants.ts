// What ran inside the roots of a list.

import { useEffect, useRef, useState } from "preact/hooks";
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
  // One request at a time: new rows do not abort the one that is under way.
  const [asking, setAsking] = useState(ids);
  const { data, loading } = useLoad(`descendants ${asking}`, async (signal) => {
    if (asking === "") {
      return null;
    }
    const asked = rows.filter((row) => asking.includes(row.id));
    const answer = await getJson<DescendantsResponse>("descendants", { ids: asking }, signal);
    return { asked, descendants: answer.descendants };
  });
  const stored = useRef(data);
  useEffect(() => {
    if (loading) {
      return;
    }
    if (data === null || data === stored.current) {
      setAsking(ids);
      return;
    }
    stored.current = data;
    const all = new Map(kept.found);
    for (const row of data.asked) {
      kept.asked.set(row.id, row.status);
      all.delete(row.id);
    }
    for (const one of data.descendants) {
      all.set(one.root, one);
    }
    kept.found = all;
    setFound(all);
  }, [data, loading, ids]);
  return found;
}
