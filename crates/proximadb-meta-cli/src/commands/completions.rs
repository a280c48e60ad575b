//! completions: the script that a shell completes with.

use std::io::Write as _;

use clap::CommandFactory as _;

use crate::args::{Args, Completions};
use crate::exit::Result;
use crate::output::out_error;

pub(crate) fn run(x: &Completions) -> Result<u8> {
    let mut command = Args::command();
    let mut script = Vec::new();
    clap_complete::generate(x.shell, &mut command, "pxmeta", &mut script);
    std::io::stdout().write_all(&script).map_err(out_error)?;
    Ok(0)
}
