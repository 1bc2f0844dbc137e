import type { Params } from "../data/route";

export function EventsPage({ params }: { params: Params }) {
  return <h1>{JSON.stringify(params)}</h1>;
}
