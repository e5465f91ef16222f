//! The ledger in memory keeps the laws.

use eventflow_testkit::{MemoryLedgerRig, ledger_interleavings, ledger_laws};

ledger_laws!(Some(MemoryLedgerRig::new()));
ledger_interleavings!(Some(MemoryLedgerRig::new()));
