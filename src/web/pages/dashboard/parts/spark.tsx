/** A sparkline. It is hidden from screen readers: the numbers stand beside it. */
export function Sparkline({ values: given }: { values: readonly (number | null)[] }) {
  // A single value is drawn as a flat line.
  const values = given.length === 1 ? [...given, ...given] : given;
  const most = Math.max(1, ...values.map((value) => value ?? 0));
  const step = values.length > 1 ? 100 / (values.length - 1) : 0;
  const x = (n: number) => (n * step).toFixed(1);
  // A line for each run of known values.
  const runs: { first: number; last: number; points: string[] }[] = [];
  for (const [n, value] of values.entries()) {
    const run = runs.at(-1);
    if (value === null) {
      continue;
    }
    const point = `${x(n)},${(21 - (18 * value) / most).toFixed(1)}`;
    if (run !== undefined && run.last === n - 1) {
      run.last = n;
      run.points.push(point);
    } else {
      runs.push({ first: n, last: n, points: [point] });
    }
  }
  return (
    <svg viewBox="0 0 100 22" preserveAspectRatio="none" class="spark" aria-hidden="true">
      {runs.map(({ first, last, points }) => (
        <g key={first}>
          <polygon points={`${x(first)},22 ${points.join(" ")} ${x(last)},22`} class="spark-area" />
          <polyline points={points.join(" ")} class="spark-line" />
        </g>
      ))}
    </svg>
  );
}
