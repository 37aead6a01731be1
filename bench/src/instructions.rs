//! Instructions for each operation.
use crate::{Result, Settings};
pub fn run(_: &Settings) -> Result<()> {
    Err("not yet".into())
}
