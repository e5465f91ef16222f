//! Lists that come in pages or as a stream: NDJSON or a table, without holding the whole.

use std::pin::pin;

use eventflow_wire::ClientError;
use futures_util::{Stream, StreamExt as _};
use serde::Serialize;

use crate::failure::Failure;
use crate::listing::Listing;
use crate::output::Out;

/// Rows of a stream that are shown together: columns are as wide as the widest of them.
const PAGE_ROWS: usize = 500;

/// A list on its way to stdout.
pub(crate) struct Records<T> {
    table: Listing,
    row: fn(&T) -> Vec<String>,
    shown: bool,
}

impl<T: Serialize> Records<T> {
    /// A list whose table has that header; `row` makes the cells, which need not be safe yet.
    pub(crate) fn new(
        out: &Out,
        header: &'static [&'static str],
        right: &'static [usize],
        row: fn(&T) -> Vec<String>,
    ) -> Self {
        Self {
            table: Listing::new(out.look, header, right),
            row,
            shown: false,
        }
    }

    /// The last column may stand below its row where the terminal is narrow.
    pub(crate) fn spilling(self) -> Self {
        Self {
            table: self.table.spilling(),
            ..self
        }
    }

    /// Writes the next ones.
    pub(crate) fn add(&mut self, out: &mut Out, records: &[T]) -> Result<(), Failure> {
        if records.is_empty() {
            return Ok(());
        }
        self.shown = true;
        if out.json {
            return records.iter().try_for_each(|record| out.record(record));
        }
        out.text(&self.table.page(records.iter().map(self.row).collect()))
    }

    /// Writes all that comes.
    ///
    /// # Errors
    /// Where the stream breaks off; what came before it was written.
    pub(crate) async fn drain(
        &mut self,
        out: &mut Out,
        stream: impl Stream<Item = Result<T, ClientError>>,
    ) -> Result<(), Failure> {
        let mut stream = pin!(stream);
        let mut rows = Vec::with_capacity(PAGE_ROWS);
        let broken = loop {
            match stream.next().await {
                Some(Ok(row)) => rows.push(row),
                Some(Err(error)) => break Some(error),
                None => break None,
            }
            if rows.len() == PAGE_ROWS {
                self.add(out, &rows)?;
                rows.clear();
            }
        };
        self.add(out, &rows)?;
        broken.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Whether there was anything to write.
    pub(crate) const fn shown(&self) -> bool {
        self.shown
    }
}
