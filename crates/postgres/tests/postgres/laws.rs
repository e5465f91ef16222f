//! The laws of the ledger, and random interleavings against the model in memory.

use eventflow_testkit::{ledger_interleavings, ledger_laws};

use crate::rig::Rig;

ledger_laws!(Some(Rig::new().await));
ledger_interleavings!(Some(Rig::new().await));
