//! Columns that line up, and give way where the terminal is narrow.

use anstyle::Style;

use crate::print::{safe, status::DIM};

/// A table to print.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

/// A column: its title, and how it gives way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) align: Align,
    pub(crate) narrow: Narrow,
}

/// What a column does where there is little room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Narrow {
    /// It stays as it is.
    Stays,
    /// Its texts are cut, down to this width.
    Cut(usize),
    /// The same, and where that is not enough it is left out.
    Leaves(usize),
}

impl Column {
    pub(crate) fn new(title: &'static str, align: Align, narrow: Narrow) -> Self {
        Column {
            title,
            align,
            narrow,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A safe text in a style.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Data from a record, made safe.
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

    /// The whole table, titles first. Columns without any text are left out.
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
            let text = safe::cut(&cell.text, *width);
            let room = " ".repeat(width - safe::width(&text));
            let style = cell.style;
            let (before, after) = match column.align {
                Align::Left => ("", room.as_str()),
                Align::Right => (room.as_str(), ""),
            };
            // Spaces are written only once something follows them: no line ends with any.
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

    /// The widths that fit, 0 for what is left out. Cutting comes first, from the last column on.
    fn widths(&self, room: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> = (0..self.columns.len()).map(|at| self.natural(at)).collect();
        let Some(room) = room else { return widths };
        loop {
            let cut = self.cut(widths.clone(), room);
            let leaves = |(at, column): &(usize, &Column)| {
                widths[*at] > 0 && matches!(column.narrow, Narrow::Leaves(_))
            };
            let columns = self.columns.iter().enumerate();
            match columns.rev().find(leaves) {
                Some((at, _)) if total(&cut) > room => widths[at] = 0,
                _ => return cut,
            }
        }
    }

    fn cut(&self, mut widths: Vec<usize>, room: usize) -> Vec<usize> {
        for (at, column) in self.columns.iter().enumerate().rev() {
            if let Narrow::Cut(least) | Narrow::Leaves(least) = column.narrow {
                let over = total(&widths).saturating_sub(room);
                widths[at] -= over.min(widths[at].saturating_sub(least));
            }
        }
        widths
    }

    /// The width of the widest cell, 0 where no row has any text.
    fn natural(&self, at: usize) -> usize {
        let widest = self.rows.iter().map(|row| safe::width(&row[at].text)).max();
        match widest.unwrap_or_default() {
            0 => 0,
            widest => widest.max(safe::width(self.columns[at].title)),
        }
    }
}

/// The width of a line.
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
            Column::new("NAME", Align::Left, Narrow::Cut(4)),
            Column::new("TOOK", Align::Right, Narrow::Stays),
            Column::new("NONE", Align::Left, Narrow::Stays),
            Column::new("ERROR", Align::Left, Narrow::Leaves(3)),
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
    fn columns_line_up_and_empty_ones_are_left_out() {
        let expected = "NAME     TOOK  ERROR\nlogin  1.23 s  a long story\n漢字    45 ms\n";
        assert_eq!(plain(&table().render(None)), expected);
    }

    #[test]
    fn the_last_columns_give_way_first() {
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
