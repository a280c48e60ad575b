//! `pxmeta`: the command line of the collection catalog.

#![deny(clippy::expect_used)]

mod address;
mod args;
mod commands;
mod exit;
mod output;
mod stop;
mod talk;
mod text;
mod trace;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Format};
use crate::exit::Failure;
use crate::talk::Talk;

fn main() -> ExitCode {
    let args = Args::parse();
    trace::init(args.global.verbose);
    let talk = Talk::new(&args.global);
    let as_json = args.global.output.is_some_and(Format::is_json);
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::Io("the runtime cannot be started".to_owned(), e))
        .and_then(|runtime| {
            let result = runtime.block_on(commands::run(args, talk));
            // A thread that still reads stdin, or opens a log that nobody wants any more, must not hold the process.
            runtime.shutdown_background();
            result
        });
    ExitCode::from(result.unwrap_or_else(|failure| failure.report(&talk, as_json)))
}
