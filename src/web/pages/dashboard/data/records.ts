// The records of the API: their types are generated from its description.

export type * from "../../generated/openapi";

/** Counts by what became of records. */
export type Counts = Record<string, number>;
