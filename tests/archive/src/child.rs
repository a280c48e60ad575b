//! Tests whose environment matters run in a process of their own: the settings of a bucket come from variables.

use std::process::Command;

/// Says which test is to run its body.
const CHILD: &str = "PXMETA_TEST_CHILD";

/// Whether this is the process that runs the body of `test`. If not, runs it in one with these variables, and none of the
/// caller's that begin with `AWS_`, and expects that it passes.
///
/// # Panics
/// When it does not.
#[must_use]
pub fn is_child(test: &str, variables: &[(&str, String)]) -> bool {
    if std::env::var(CHILD).is_ok_and(|t| t == test) {
        return true;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command.envs(variables.iter().map(|(name, value)| (name, value))).env(CHILD, test);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{errors}");
    false
}
