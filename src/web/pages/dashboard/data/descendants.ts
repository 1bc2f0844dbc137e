// What ran inside of the roots of a list.

import { useEffect, useRef, useState } from "preact/hooks";
import { getJson } from "./api";
import { useLoad } from "./load";
import type { ActivityRecord, Descendants, DescendantsResponse } from "./records";

/** The most roots of one request. */
const MOST = 100;

/**
 * Loads what ran inside of those rows that are roots, and again when one has ended. Roots without anything inside are not in
 * the map.
 */
export function useDescendants(rows: readonly ActivityRecord[]): ReadonlyMap<string, Descendants> {
  const [found, setFound] = useState<ReadonlyMap<string, Descendants>>(new Map());
  /** The status that a root had when it was asked for. */
  const asked = useRef(new Map<string, string>());
  const wanted = rows
    .filter((row) => row.root === row.id && asked.current.get(row.id) !== row.status)
    .slice(0, MOST);
  const ids = wanted.map((row) => row.id).join(",");
  const { data } = useLoad(`descendants ${ids}`, async (signal) => {
    if (ids === "") {
      return null;
    }
    const answer = await getJson<DescendantsResponse>("descendants", { ids }, signal);
    return { ids, descendants: answer.descendants };
  });
  useEffect(() => {
    if (data !== null && data.ids === ids) {
      for (const row of wanted) {
        asked.current.set(row.id, row.status);
      }
      setFound((was) => {
        const all = new Map(was);
        for (const id of data.ids.split(",")) {
          all.delete(id);
        }
        for (const one of data.descendants) {
          all.set(one.root, one);
        }
        return all;
      });
    }
  }, [data]);
  return found;
}
