//! `pxmeta`: the command line of the collection catalog.

mod args;
mod commands;
mod exit;
mod output;

use clap::Parser as _;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match commands::run(args::Args::parse()).await {
        Ok(code) => ExitCode::from(code),
        Err(failure) => ExitCode::from(exit::report(&failure)),
    }
}
