//! The text of statements over many rows.
//!
//! A statement is prepared once for each text, and each one costs a trip to the connection's thread. So many rows go
//! by one statement, and its length is one of a few: what is shorter is padded by its last row, and every such statement
//! takes a row that comes twice as if it came once.

use eventflow_core::EventKey;
use sqlx::AssertSqlSafe;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments};

/// The most rows or keys of one statement.
const LONGEST: usize = 256;

pub(crate) type Statement = Query<'static, Sqlite, SqliteArguments>;

/// A statement whose text is made of this crate's own words and question marks.
pub(crate) fn statement(text: String) -> Statement {
    sqlx::query(AssertSqlSafe(text))
}

/// `?,?,?`
pub(crate) fn marks(n: usize) -> String {
    let mut marks = "?,".repeat(n);
    marks.pop();
    marks
}

/// `row,row,row`
pub(crate) fn rows_of(row: &str, n: usize) -> String {
    let mut rows = String::with_capacity((row.len() + 1) * n);
    for _ in 0..n {
        rows.push_str(row);
        rows.push(',');
    }
    rows.pop();
    rows
}

/// The next length that a statement may have: four of them from one power of two to the next.
const fn padded(n: usize) -> usize {
    let step = match n.checked_ilog2() {
        None | Some(0..=2) => 1,
        Some(exponent) => 1 << (exponent - 2),
    };
    n.next_multiple_of(step)
}

/// What one statement takes, padded by the last of it.
pub(crate) struct Piece<'a, T>(&'a [T]);

/// Cuts rows into what one statement takes.
pub(crate) fn pieces<T>(rows: &[T]) -> impl Iterator<Item = Piece<'_, T>> {
    rows.chunks(LONGEST).map(Piece)
}

impl<'a, T> Piece<'a, T> {
    /// The rows themselves.
    pub(crate) const fn rows(&self) -> &'a [T] {
        self.0
    }

    /// How many rows the statement has.
    pub(crate) const fn width(&self) -> usize {
        padded(self.0.len())
    }

    /// The rows to bind, padding and all.
    pub(crate) fn padded(&self) -> impl Iterator<Item = &'a T> + use<'a, T> {
        let padding = self.width() - self.0.len();
        self.0.iter().chain(self.0.last().into_iter().cycle().take(padding))
    }
}

impl Piece<'_, EventKey> {
    /// The question marks of its keys.
    pub(crate) fn marks(&self) -> String {
        marks(self.width())
    }

    /// Binds the keys to them, once the parameters that stand before are bound.
    pub(crate) fn bind(&self, statement: Statement) -> Statement {
        self.padded()
            .fold(statement, |statement, key| statement.bind(key.uuid()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_have_few_lengths_and_lose_nothing() {
        let mut widths = std::collections::BTreeSet::new();
        for n in 1..=700 {
            let rows: Vec<usize> = (0..n).collect();
            let cut: Vec<usize> = pieces(&rows).flat_map(|piece| piece.rows()).copied().collect();
            assert_eq!(cut, rows);
            for piece in pieces(&rows) {
                let padded: Vec<usize> = piece.padded().copied().collect();
                assert_eq!(padded.len(), piece.width());
                assert_eq!(padded[..piece.rows().len()], *piece.rows());
                assert!(padded.len() * 4 <= piece.rows().len() * 5, "{n}");
                widths.insert(piece.width());
            }
        }
        assert_eq!(widths.len(), 28);
        assert_eq!(pieces::<usize>(&[]).count(), 0);
    }

    #[test]
    fn marks_are_counted() {
        assert_eq!(rows_of("(?,?)", 2), "(?,?),(?,?)");
        let keys = [EventKey::of("/", "a"); 9];
        let lists: Vec<String> = pieces(&keys).map(|piece| piece.marks()).collect();
        assert_eq!(lists, [marks(10)]);
    }
}
