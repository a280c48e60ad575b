//! The program: `write` is the process that the tests break, `soak` a long run under load.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use real_disk::child::{self, Order};
use real_disk::soak::{self, Plan};

/// The embedded log on real file systems.
#[derive(Debug, Parser)]
#[command(name = "real-disk", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write until killed; for the tests.
    Write(Order),
    /// Write, read, back up, check point and reopen for minutes; memory, descriptors and disk must stay flat.
    Soak(Plan),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Write(order) => child::write(&order),
        Command::Soak(plan) => soak::run(&plan).map(|said| println!("{said}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}
