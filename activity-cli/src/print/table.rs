//! Tables with aligned columns that fit the width of the terminal.

use std::borrow::Cow;

use anstyle::Style;

use crate::print::{bar, safe, status::DIM};

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

/// A column: its title, alignment, and how it shrinks.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    title: Cow<'static, str>,
    align: Align,
    shrink: Shrink,
}

/// How a column shrinks in a narrow terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shrink {
    /// It keeps its width: numbers, times and IDs, which mean something else when they are cut.
    Never,
    /// Its cells take their short form.
    Shorten,
    /// It is hidden, or keeps its width.
    Drop,
    /// Its texts are truncated, to this width at the least.
    Truncate(usize),
    /// Its texts are truncated, to this width at the least; then the column is hidden.
    Hide(usize),
}

impl Column {
    pub(crate) fn new(title: impl Into<Cow<'static, str>>, align: Align, shrink: Shrink) -> Self {
        Column {
            title: title.into(),
            align,
            shrink,
        }
    }

    /// Returns the column for a table in which each column was asked for: none is hidden.
    pub(crate) fn always_shown(mut self) -> Self {
        self.shrink = match self.shrink {
            Shrink::Hide(min) => Shrink::Truncate(min),
            Shrink::Drop => Shrink::Never,
            other => other,
        };
        self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// An escaped text in a style, or a bar.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    text: String,
    short: Option<String>,
    /// The share of a bar: a value and the maximum.
    bar: Option<(u64, u64)>,
    /// True if a part of the text would mean something else.
    is_number: bool,
    style: Style,
}

impl Cell {
    /// Escapes data of a record.
    pub(crate) fn new(data: &str) -> Self {
        Cell {
            text: safe::line(data),
            ..Cell::default()
        }
    }

    /// Draws a bar, as wide as its column.
    pub(crate) fn bar(value: u64, max: u64) -> Self {
        Cell {
            text: bar::bar(value, max, bar::MAX_WIDTH),
            bar: Some((value, max)),
            ..Cell::default()
        }
    }

    /// Sets the short form, for a column that shrinks by [`Shrink::Shorten`].
    pub(crate) fn short(mut self, data: &str) -> Self {
        self.short = Some(safe::line(data));
        self
    }

    /// Makes it a number: where it does not fit, an ellipsis takes its place.
    pub(crate) fn number(mut self) -> Self {
        self.is_number = true;
        self
    }

    pub(crate) fn style(mut self, style: Style) -> Self {
        self.style = style;
        self
    }

    /// Returns the text in a column.
    fn fitted(&self, layout: Layout) -> String {
        match (self.bar, &self.short) {
            (Some((value, max)), _) => bar::bar(value, max, layout.width.min(bar::MAX_WIDTH)),
            (None, Some(short)) if layout.short => safe::truncate(short, layout.width),
            _ if self.is_number && self.width(false) > layout.width => String::from("…"),
            _ => safe::truncate(&self.text, layout.width),
        }
    }

    fn width(&self, short: bool) -> usize {
        match &self.short {
            Some(text) if short => safe::width(text),
            _ => safe::width(&self.text),
        }
    }
}

const GAP: &str = "  ";
/// Texts that may be hidden do not take more from the others, if not all of them fit.
const MAX_SECONDARY: usize = 16;
/// The least that is left of a text where its column would need more than there is.
const LEAST: usize = 4;

/// The width of a column, 0 for a hidden one, and whether its cells take their short form.
#[derive(Debug, Clone, Copy, Default)]
struct Layout {
    width: usize,
    short: bool,
}

impl Table {
    pub(crate) fn new(columns: Vec<Column>) -> Self {
        Table {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row with a cell for each column.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Formats the table, titles first. Empty columns are left out.
    pub(crate) fn render(&self, width: Option<usize>) -> String {
        let layout = self.layout(width);
        let titles = self.columns.iter().zip(&layout).map(|(column, layout)| {
            let fits = safe::width(&column.title) <= layout.width;
            Cell::new(if fits { &column.title } else { "" }).style(DIM)
        });
        let mut out = String::new();
        self.line(&mut out, &titles.collect::<Vec<_>>(), &layout);
        for row in &self.rows {
            self.line(&mut out, row, &layout);
        }
        out
    }

    fn line(&self, out: &mut String, cells: &[Cell], layout: &[Layout]) {
        let mut pending = String::new();
        for ((column, cell), layout) in self.columns.iter().zip(cells).zip(layout) {
            if layout.width == 0 {
                continue;
            }
            let text = cell.fitted(*layout);
            let padding = " ".repeat(layout.width.saturating_sub(safe::width(&text)));
            let style = cell.style;
            let (before, after) = match column.align {
                Align::Left => ("", padding.as_str()),
                Align::Right => (padding.as_str(), ""),
            };
            // Spaces are written once text follows them, so that no line ends with spaces.
            pending.push_str(before);
            if !text.is_empty() {
                out.push_str(&pending);
                pending.clear();
                out.push_str(&format!("{style}{text}{style:#}"));
            }
            pending.push_str(after);
            pending.push_str(GAP);
        }
        out.push('\n');
    }

    /// Fits the columns into the available width. If not all of them fit, it hides columns, the last first, then shortens some;
    /// what is left is shared by the texts, so that a long one does not take the place of the others.
    fn layout(&self, available: Option<usize>) -> Vec<Layout> {
        let columns = 0..self.columns.len();
        let mut layout: Vec<Layout> = columns
            .map(|at| Layout {
                width: self.natural(at, false),
                short: false,
            })
            .collect();
        let Some(available) = available.filter(|available| total(&layout) > *available) else {
            return layout;
        };
        for at in (0..layout.len()).rev() {
            let hides = matches!(self.columns[at].shrink, Shrink::Hide(_) | Shrink::Drop);
            if hides && total(&self.least(&layout)) > available {
                layout[at].width = 0;
            }
        }
        for at in (0..layout.len()).rev() {
            let shortens = self.columns[at].shrink == Shrink::Shorten && layout[at].width > 0;
            if shortens && total(&self.least(&layout)) > available {
                layout[at] = Layout {
                    width: self.natural(at, true),
                    short: true,
                };
            }
        }
        let mut least = self.least(&layout);
        if total(&least) > available {
            for (least, column) in least.iter_mut().zip(&self.columns) {
                if matches!(column.shrink, Shrink::Truncate(_)) {
                    least.width = least.width.min(LEAST);
                }
            }
        }
        for (layout, column) in layout.iter_mut().zip(&self.columns) {
            if let Shrink::Hide(min) = column.shrink {
                layout.width = layout.width.min(min.max(MAX_SECONDARY));
            }
        }
        share(&least, &layout, available)
    }

    /// Returns the least width of each column.
    fn least(&self, layout: &[Layout]) -> Vec<Layout> {
        let columns = layout.iter().zip(&self.columns);
        let least = columns.map(|(layout, column)| match column.shrink {
            Shrink::Truncate(min) | Shrink::Hide(min) => Layout {
                width: layout.width.min(min),
                ..*layout
            },
            _ => *layout,
        });
        least.collect()
    }

    /// Returns the width of the widest cell, 0 if no row has text.
    fn natural(&self, at: usize, short: bool) -> usize {
        let widest = self.rows.iter().map(|row| row[at].width(short)).max();
        match widest.unwrap_or_default() {
            0 => 0,
            widest if short => widest,
            widest => widest.max(safe::width(&self.columns[at].title)),
        }
    }
}

/// Gives each column at least its least width, and shares the rest: the widest are cut first, to the same width.
fn share(least: &[Layout], wanted: &[Layout], available: usize) -> Vec<Layout> {
    let capped = |cap: usize| -> Vec<Layout> {
        let pairs = least.iter().zip(wanted);
        let capped = pairs.map(|(least, wanted)| Layout {
            width: wanted.width.min(cap).max(least.width),
            ..*wanted
        });
        capped.collect()
    };
    let widest = wanted.iter().map(|one| one.width).max().unwrap_or(0);
    let cap = (1..=widest)
        .rev()
        .find(|cap| total(&capped(*cap)) <= available);
    let mut shared = capped(cap.unwrap_or(0));
    let mut rest = available.saturating_sub(total(&shared));
    // Columns that are equally wide get one more each, as far as it goes.
    for (one, wanted) in shared.iter_mut().zip(wanted).rev() {
        if rest > 0 && one.width < wanted.width {
            one.width += 1;
            rest -= 1;
        }
    }
    shared
}

/// Returns the width of a line.
fn total(layout: &[Layout]) -> usize {
    let shown = layout.iter().filter(|one| one.width > 0);
    let gaps = shown.clone().count().saturating_sub(1) * GAP.len();
    shown.map(|one| one.width).sum::<usize>() + gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(vec![
            Column::new("NAME", Align::Left, Shrink::Truncate(4)),
            Column::new("TOOK", Align::Right, Shrink::Never),
            Column::new("NONE", Align::Left, Shrink::Never),
            Column::new("BRAND", Align::Left, Shrink::Hide(4)),
            Column::new("ERROR", Align::Left, Shrink::Truncate(4)),
        ]);
        let row = |cells: [&str; 5]| cells.map(Cell::new).to_vec();
        table.row(row(["login", "1.23 s", "", "netflix", "a long story"]));
        table.row(row(["漢字", "45 ms", "", "", ""]));
        table
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn columns_are_aligned_and_empty_ones_left_out() {
        let expected = "\
NAME     TOOK  BRAND    ERROR
login  1.23 s  netflix  a long story
漢字    45 ms
";
        assert_eq!(plain(&table().render(None)), expected);
    }

    #[test]
    fn texts_share_the_width_and_numbers_keep_theirs() {
        let check = |width, expected: &str| {
            assert_eq!(
                plain(&table().render(Some(width))).lines().nth(1),
                Some(expected),
                "{width}"
            );
        };
        check(99, "login  1.23 s  netflix  a long story");
        check(35, "login  1.23 s  netflix  a long sto…");
        check(31, "login  1.23 s  netflix  a long…");
        check(28, "login  1.23 s  netf…  a lon…");
        check(24, "log…  1.23 s  net…  a l…");
        check(23, "login  1.23 s  a long …");
        check(18, "log…  1.23 s  a l…");
    }

    #[test]
    fn a_long_text_does_not_take_the_place_of_another() {
        let mut table = Table::new(vec![
            Column::new("NAME", Align::Left, Shrink::Truncate(16)),
            Column::new("PROJECT", Align::Left, Shrink::Hide(8)),
            Column::new("ERROR", Align::Left, Shrink::Truncate(12)),
        ]);
        let long = "x".repeat(300);
        table.row(vec![Cell::new(&long), Cell::new(&long), Cell::new(&long)]);
        for width in [60, 80, 200] {
            let text = plain(&table.render(Some(width)));
            let widths: Vec<_> = text
                .lines()
                .nth(1)
                .unwrap()
                .split("  ")
                .map(safe::width)
                .collect();
            assert_eq!(widths.iter().sum::<usize>() + 4, width);
            assert!(widths[0].abs_diff(widths[2]) <= 1, "{width}: {widths:?}");
        }
    }

    #[test]
    fn short_forms_come_before_cut_texts() {
        let mut table = Table::new(vec![
            Column::new("STATUS", Align::Left, Shrink::Shorten),
            Column::new("CALLS", Align::Right, Shrink::Never),
            Column::new("NAME", Align::Left, Shrink::Truncate(10)),
        ]);
        table.row(vec![
            Cell::new("✗ failed").short("✗"),
            Cell::new("1,234,567"),
            Cell::new("a rather long name"),
        ]);
        let check = |width, expected: &str| assert_eq!(plain(&table.render(Some(width))), expected);
        check(
            31,
            "STATUS        CALLS  NAME\n✗ failed  1,234,567  a rather …\n",
        );
        check(24, "       CALLS  NAME\n✗  1,234,567  a rather …\n");
        check(18, "       CALLS  NAME\n✗  1,234,567  a r…\n");
    }

    #[test]
    fn a_bar_is_as_wide_as_its_column() {
        let mut table = Table::new(vec![
            Column::new("NAME", Align::Left, Shrink::Truncate(4)),
            Column::new("", Align::Left, Shrink::Hide(8)),
            Column::new("P95", Align::Right, Shrink::Drop),
        ]);
        table.row(vec![
            Cell::new("login"),
            Cell::bar(1, 1),
            Cell::new("15 min 40 s"),
        ]);
        let check = |width, expected: &str| {
            assert_eq!(
                plain(&table.render(Some(width))).lines().nth(1),
                Some(expected)
            );
        };
        check(32, "login  ████████████  15 min 40 s");
        check(16, "login  █████████");
    }
}
