//! A chart of all figures over time, as SVG.

use std::fmt::Write;

use crate::{
    Plan,
    sample::{NAMES, Sample},
    table::Table,
};

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 90.0;
/// Around each figure: above it is its name.
const MARGIN: f64 = 30.0;
const COLUMNS: usize = 2;

/// Draws each figure from zero to its maximum, with a line where the process that records was replaced.
pub(crate) fn draw(table: &Table, plan: Plan) -> String {
    let rows = NAMES.len().div_ceil(COLUMNS) as f64;
    let (width, height) = (
        COLUMNS as f64 * (WIDTH + MARGIN) + MARGIN,
        rows * (HEIGHT + MARGIN) + MARGIN,
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"11\"><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for figure in 0..NAMES.len() {
        let left = MARGIN + (figure % COLUMNS) as f64 * (WIDTH + MARGIN);
        let top = MARGIN + (figure / COLUMNS) as f64 * (HEIGHT + MARGIN);
        let values = table
            .samples()
            .map(|sample: &Sample| sample.0[figure] as f64);
        panel(
            &mut svg,
            figure,
            &values.collect::<Vec<_>>(),
            plan,
            (left, top),
        );
    }
    svg + "</svg>\n"
}

/// Draws one figure. Writing into a `String` does not fail.
fn panel(svg: &mut String, figure: usize, values: &[f64], plan: Plan, (left, top): (f64, f64)) {
    let (name, unit, scale, _) = NAMES[figure];
    let most = values.iter().copied().fold(scale, f64::max);
    let seconds = plan.time.as_secs_f64();
    let bottom = top + HEIGHT;
    let x = |second: f64| left + second / seconds * WIDTH;
    let places = usize::from(scale > 1.0);
    let _ = writeln!(
        svg,
        "<text x=\"{left}\" y=\"{}\">{name}, at most {:.places$} {unit}</text>\
         <path d=\"M{left} {top}V{bottom}H{}\" fill=\"none\" stroke=\"#999\"/>",
        top - 5.0,
        most / scale,
        left + WIDTH
    );
    for process in 1..plan.processes {
        let at = x(seconds / f64::from(plan.processes) * f64::from(process));
        let _ = write!(svg, "<path d=\"M{at:.1} {top}V{bottom}\" stroke=\"#eee\"/>");
    }
    let _ = write!(svg, "\n<polyline fill=\"none\" stroke=\"#06c\" points=\"");
    for (second, value) in values.iter().enumerate() {
        let y = bottom - value / most * HEIGHT;
        let _ = write!(svg, "{:.1},{y:.1} ", x(second as f64 + 1.0));
    }
    svg.push_str("\"/>\n");
}
