//! Tables with aligned columns that shrink to the width of the terminal.

use anstyle::Style;

use crate::print::{safe, status::DIM};

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

/// A column: its title, alignment, and how it shrinks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) align: Align,
    pub(crate) shrink: Shrink,
}

/// How a column shrinks in a narrow terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shrink {
    /// It keeps its width.
    Never,
    /// Its texts are truncated, to this width at the least.
    Truncate(usize),
    /// Its texts are truncated, to this width at the least; then the column is hidden.
    Hide(usize),
}

impl Column {
    pub(crate) fn new(title: &'static str, align: Align, shrink: Shrink) -> Self {
        Column {
            title,
            align,
            shrink,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// An escaped text in a style.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Escapes data of a record.
    pub(crate) fn new(data: &str) -> Self {
        Cell {
            text: safe::line(data),
            style: Style::new(),
        }
    }

    pub(crate) fn style(mut self, style: Style) -> Self {
        self.style = style;
        self
    }
}

const GAP: &str = "  ";

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
        let widths = self.widths(width);
        let titles = self
            .columns
            .iter()
            .map(|column| Cell::new(column.title).style(DIM));
        let mut out = String::new();
        self.line(&mut out, &titles.collect::<Vec<_>>(), &widths);
        for row in &self.rows {
            self.line(&mut out, row, &widths);
        }
        out
    }

    fn line(&self, out: &mut String, cells: &[Cell], widths: &[usize]) {
        let mut pending = String::new();
        for ((column, cell), width) in self.columns.iter().zip(cells).zip(widths) {
            if *width == 0 {
                continue;
            }
            let text = safe::truncate(&cell.text, *width);
            let padding = " ".repeat(width - safe::width(&text));
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

    /// Returns the widths of the columns, 0 for hidden ones. Truncates before it hides, last columns first.
    fn widths(&self, available: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> = (0..self.columns.len()).map(|at| self.natural(at)).collect();
        let Some(available) = available else {
            return widths;
        };
        loop {
            let truncated = self.truncated(widths.clone(), available);
            let can_hide = |(at, column): &(usize, &Column)| {
                widths[*at] > 0 && matches!(column.shrink, Shrink::Hide(_))
            };
            let columns = self.columns.iter().enumerate();
            match columns.rev().find(can_hide) {
                Some((at, _)) if total(&truncated) > available => widths[at] = 0,
                _ => return truncated,
            }
        }
    }

    fn truncated(&self, mut widths: Vec<usize>, available: usize) -> Vec<usize> {
        for (at, column) in self.columns.iter().enumerate().rev() {
            if let Shrink::Truncate(min) | Shrink::Hide(min) = column.shrink {
                let over = total(&widths).saturating_sub(available);
                widths[at] -= over.min(widths[at].saturating_sub(min));
            }
        }
        widths
    }

    /// Returns the width of the widest cell, 0 if no row has text.
    fn natural(&self, at: usize) -> usize {
        let widest = self.rows.iter().map(|row| safe::width(&row[at].text)).max();
        match widest.unwrap_or_default() {
            0 => 0,
            widest => widest.max(safe::width(self.columns[at].title)),
        }
    }
}

/// Returns the width of a line.
fn total(widths: &[usize]) -> usize {
    let shown = widths.iter().filter(|width| **width > 0);
    let gaps = shown.clone().count().saturating_sub(1) * GAP.len();
    shown.sum::<usize>() + gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(vec![
            Column::new("NAME", Align::Left, Shrink::Truncate(4)),
            Column::new("TOOK", Align::Right, Shrink::Never),
            Column::new("NONE", Align::Left, Shrink::Never),
            Column::new("ERROR", Align::Left, Shrink::Hide(3)),
        ]);
        let row = |cells: [&str; 4]| cells.map(Cell::new).to_vec();
        table.row(row(["login", "1.23 s", "", "a long story"]));
        table.row(row(["漢字", "45 ms", "", ""]));
        table
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn columns_are_aligned_and_empty_ones_left_out() {
        let expected = "NAME     TOOK  ERROR\nlogin  1.23 s  a long story\n漢字    45 ms\n";
        assert_eq!(plain(&table().render(None)), expected);
    }

    #[test]
    fn the_last_columns_shrink_first() {
        let check = |width, expected: &str| {
            assert_eq!(
                plain(&table().render(Some(width))).lines().nth(1),
                Some(expected)
            );
        };
        check(99, "login  1.23 s  a long story");
        check(22, "login  1.23 s  a long…");
        check(17, "log…  1.23 s  a …");
        check(16, "login  1.23 s");
        check(1, "log…  1.23 s");
    }
}
