//! The project's own tools: `cargo xtask tidy`, `cargo xtask test`.

mod test;
mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    let result = match command.as_str() {
        "tidy" => tidy::run(),
        "test" => test::run(),
        other => Err(format!("{other:?} is not a task; there are: tidy, test")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}
