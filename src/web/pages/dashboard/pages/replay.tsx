import type { Params } from "../data/route";

export function ReplayPage({ params }: { params: Params }) {
  return <h1>{JSON.stringify(params)}</h1>;
}
