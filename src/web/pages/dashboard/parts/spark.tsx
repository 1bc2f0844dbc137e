/** A sparkline. It is hidden from screen readers: the numbers stand beside it. */
export function Sparkline({ values: given }: { values: readonly number[] }) {
  // A single value is drawn as a flat line.
  const values = given.length === 1 ? [...given, ...given] : given;
  const most = Math.max(1, ...values);
  const step = values.length > 1 ? 100 / (values.length - 1) : 0;
  const points = values.map(
    (value, n) => `${(n * step).toFixed(1)},${(21 - (18 * value) / most).toFixed(1)}`,
  );
  return (
    <svg viewBox="0 0 100 22" preserveAspectRatio="none" class="spark" aria-hidden="true">
      <polygon points={`0,22 ${points.join(" ")} 100,22`} class="spark-area" />
      <polyline points={points.join(" ")} class="spark-line" />
    </svg>
  );
}
