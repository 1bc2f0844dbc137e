/** A line without axes; what it tells stands beside it as numbers. */
export function Spark({ values: given }: { values: readonly number[] }) {
  // One value is a line, too.
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
