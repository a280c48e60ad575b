//! The project's own tools: `cargo xtask` lists them.

mod bench;
mod ci_plan;
mod new_backend;
mod public_api;
mod repo;
mod sanitize;
mod servers;
mod soak;
mod tally;
mod test;
mod tidy;

use std::process::ExitCode;

type Task = fn(&[String]) -> Result<(), String>;

/// Every task: its name, its arguments, what it does.
const TASKS: &[(&str, &str, &str, Task)] = &[
    ("tidy", "", "checks what the compiler does not: arrows, first lines, lengths, lists that must agree", tidy::run),
    ("test", "", "runs every test of the workspace in one build and closes with the counts", test::run),
    (
        "servers",
        "up|down|status [NAME...]",
        "the servers that tests need, on the loopback; up prints export lines for eval",
        servers::run,
    ),
    (
        "new-backend",
        "NAME [--path DIR] | --check",
        "makes a backend crate that compiles at once and shows which cases still fail",
        new_backend::run,
    ),
    ("public-api", "[--check]", "writes (or compares) public-api.txt of every library crate", public_api::run),
    ("soak", "[--rounds N] [--seeds N] [--minutes N]", "the long forms of the tests that count by seed", soak::run),
    ("sanitize", "", "runs the tests of the unsafe module under AddressSanitizer; needs nightly", sanitize::run),
    (
        "bench",
        "quick | sqlite | postgres [--records N] [--repetitions N] [--dir DIR] [--json] [--rows TEXT] | peers [--rows R,...] [--quick] [--json] \
         [--help] | instructions",
        "measures the backends: alone, beside the same work by hand, beside other engines",
        bench::run,
    ),
    ("ci-plan", "[--write]", "prints (or writes) the workflow that runs the stages of .ci/run", ci_plan::run),
];

fn main() -> ExitCode {
    if let Some(code) = public_api::as_rustdoc() {
        return code;
    }
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let result = match TASKS.iter().find(|(n, ..)| *n == name) {
        Some((.., task)) => task(&rest),
        None => {
            let lines: Vec<String> =
                TASKS.iter().map(|(n, args, what, _)| format!("  cargo xtask {n} {args}\n      {what}")).collect();
            Err(format!("{name:?} is not a task; there are:\n{}", lines.join("\n")))
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}
