//! Tables: plain columns, one line a row, so that they can be read, cut and grepped. Every cell is made safe here.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Row, Table, Width};
use eventflow_core::sanitize;

use crate::look::{Look, cut};

/// The narrowest room that the last column is cut to.
const LAST_AT_LEAST: usize = 8;
/// A last column that may spill does so where it has less room than this.
const ROOMY: usize = 32;
/// Columns before a last column that spilled.
const MARGIN: usize = 2;

/// A table that may come in pages: one header, and columns that only grow.
pub(crate) struct Listing {
    look: Look,
    header: &'static [&'static str],
    right: &'static [usize],
    may_spill: bool,
    widths: Vec<u16>,
    begun: bool,
}

impl Listing {
    /// A table with that header; `right` are the columns of numbers.
    pub(crate) fn new(look: Look, header: &'static [&'static str], right: &'static [usize]) -> Self {
        Self {
            look,
            header,
            right,
            may_spill: false,
            widths: vec![0; header.len()],
            begun: false,
        }
    }

    /// The last column stands on a line of its own below each row where the terminal leaves it little room.
    pub(crate) fn spilling(self) -> Self {
        Self {
            may_spill: true,
            ..self
        }
    }

    /// The next rows as text, under the header if they are the first.
    pub(crate) fn page(&mut self, rows: Vec<Vec<String>>) -> String {
        let safe = |row: Vec<String>| row.iter().map(|cell| sanitize(cell).into_owned()).collect();
        let mut rows: Vec<Vec<String>> = rows.into_iter().map(safe).collect();
        let before = self.room_before_last(&rows);
        let mut below = None;
        if let Some(width) = self.look.width {
            let room = width.saturating_sub(before);
            let spills = self.may_spill && room < ROOMY;
            let room = if spills { width.saturating_sub(MARGIN) } else { room };
            let mut last: Vec<String> = rows.iter_mut().filter_map(Vec::pop).collect();
            for cell in &mut last {
                *cell = cut(cell, room.max(LAST_AT_LEAST));
            }
            if spills {
                below = Some(last);
            } else {
                rows.iter_mut().zip(last).for_each(|(row, cell)| row.push(cell));
            }
        }
        self.text(rows, below.as_deref())
    }

    /// Columns of all but the last.
    fn room_before_last(&self, rows: &[Vec<String>]) -> usize {
        let last = self.header.len().saturating_sub(1);
        let widest = |i: usize| {
            let cells = rows.iter().filter_map(|row| row.get(i));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        (0..last)
            .map(|i| usize::from(self.widths[i]).max(self.header[i].len()).max(widest(i)) + 2)
            .sum()
    }

    fn text(&mut self, rows: Vec<Vec<String>>, below: Option<&[String]>) -> String {
        let mut table = Table::new();
        table.load_style(NOTHING);
        table.force_no_tty();
        table.set_content_arrangement(ContentArrangement::Disabled);
        let header = match below {
            Some(_) => &self.header[..self.header.len().saturating_sub(1)],
            None => self.header,
        };
        let head_lines = usize::from(!self.begun);
        if !self.begun {
            table.set_header(header);
        }
        for row in rows {
            table.add_row(Row::from(row));
        }
        for (width, widest) in self.widths.iter_mut().zip(table.column_max_content_widths()) {
            *width = widest.max(*width);
        }
        self.arrange(&mut table, header.len());
        self.begun = true;
        let mut text = String::new();
        for (i, line) in table.lines().enumerate() {
            text.push_str(line.trim_end());
            text.push('\n');
            let spilled = below.and_then(|below| below.get(i.checked_sub(head_lines)?));
            if let Some(cell) = spilled {
                text.push_str(&" ".repeat(MARGIN));
                text.push_str(cell);
                text.push('\n');
            }
        }
        text
    }

    fn arrange(&self, table: &mut Table, columns: usize) {
        for (i, width) in self.widths.iter().enumerate().take(columns) {
            let gap = if i + 1 == columns { 0 } else { 2 };
            let Some(column) = table.column_mut(i) else { continue };
            column.set_padding((0, gap));
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width + gap)));
            if self.right.contains(&i) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
}

/// A whole table.
pub(crate) fn table(
    look: Look,
    header: &'static [&'static str],
    right: &'static [usize],
    rows: Vec<Vec<String>>,
) -> String {
    Listing::new(look, header, right).page(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPE: Look = Look {
        colour: false,
        width: None,
    };

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|&cell| cell.to_owned()).collect()
    }

    #[test]
    fn columns_are_aligned_and_numbers_stand_right() {
        let text = table(
            PIPE,
            &["NAME", "DUE", "WHY"],
            &[1],
            vec![row(&["a", "1", "x y"]), row(&["longer", "1,000", ""])],
        );
        assert_eq!(text, "NAME      DUE  WHY\na           1  x y\nlonger  1,000\n");
    }

    #[test]
    fn pages_have_one_header_and_columns_never_shrink() {
        let mut listing = Listing::new(PIPE, &["A", "B"], &[]);
        assert_eq!(
            listing.page(vec![row(&["wide one", "1"])]),
            "A         B\nwide one  1\n"
        );
        assert_eq!(listing.page(vec![row(&["x", "2"])]), "x         2\n");
    }

    #[test]
    fn hostile_cells_stay_in_their_line() {
        let text = table(
            PIPE,
            &["ID"],
            &[],
            vec![row(&["a\nb\u{1b}]52;c;x\u{7}\u{9b}1m\u{202e}"])],
        );
        assert_eq!(text, "ID\na\\u{a}b\\u{1b}]52;c;x\\u{7}\\u{9b}1m\\u{202e}\n");
    }

    #[test]
    fn the_last_column_is_cut_to_the_terminal() {
        let look = Look {
            colour: false,
            width: Some(30),
        };
        let text = table(
            look,
            &["KEY", "MESSAGE"],
            &[],
            vec![row(&["0123456789", &"m".repeat(60)])],
        );
        assert!(text.lines().all(|line| line.chars().count() <= 30), "{text}");
        assert!(text.ends_with("…\n"));
    }

    #[test]
    fn little_room_is_used_to_its_end() {
        let look = Look {
            colour: false,
            width: Some(22),
        };
        let rows = vec![row(&["0123456789", &"m".repeat(60)])];
        let text = table(look, &["KEY", "MESSAGE"], &[], rows);
        assert_eq!(text, "KEY         MESSAGE\n0123456789  mmmmmmmmm…\n");
    }

    #[test]
    fn a_last_column_without_room_stands_below_its_row() {
        let look = Look {
            colour: false,
            width: Some(40),
        };
        let rows = || vec![row(&["0123456789", &"m".repeat(60)]), row(&["x", "short"])];
        let mut listing = Listing::new(look, &["KEY", "MESSAGE"], &[]).spilling();
        assert_eq!(
            listing.page(rows()),
            format!("KEY\n0123456789\n  {}…\nx\n  short\n", "m".repeat(37))
        );
        assert_eq!(listing.page(vec![row(&["y", "z"])]), "y\n  z\n");
        let piped = Listing::new(PIPE, &["KEY", "MESSAGE"], &[]).spilling().page(rows());
        assert_eq!(piped.lines().count(), 3);
    }
}
