import type { Params } from "../data/route";

export function One({ params }: { params: Params }) {
  return <h1>{JSON.stringify(params)}</h1>;
}
