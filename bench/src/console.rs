//! Output of the program, and the type of its errors.

use std::{
    error::Error,
    io::{self, Write},
};

/// Result of every step. An error ends the run, so a message is enough.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Writes a result to the standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    Ok(stdout.flush()?)
}

/// Writes a line about the progress to the standard error.
pub(crate) fn progress(text: &str) {
    eprintln!("{text}");
}
