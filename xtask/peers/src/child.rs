//! Steps of a run that need a process of their own: a fresh heap, a crash, an opening that nothing has warmed.

use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::check;
use crate::plan::Plan;
use crate::rows::Group;

/// The first argument of such a process.
pub(crate) const STEP: &str = "--step";

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Compares the engines with the reference.
    Check,
    /// Measures a group of rows.
    Group(Group),
}

impl Step {
    fn text(self) -> String {
        match self {
            Self::Check => "check".to_owned(),
            Self::Group(group) => format!("group:{}", group.name()),
        }
    }

    fn parse(text: &str) -> Result<Self> {
        match text.split(':').collect::<Vec<_>>()[..] {
            ["check"] => Ok(Self::Check),
            ["group", name] => Ok(Self::Group(Group::of(name)?)),
            _ => bail!("{text:?} is no step"),
        }
    }

    fn command(self, plan: &Plan) -> Result<Command> {
        let mut command = Command::new(std::env::current_exe().context("find this program")?);
        command.args([STEP, &self.text()]).args(plan.arguments());
        Ok(command)
    }

    /// Runs it in a process of its own. What that prints goes to standard error.
    pub(crate) fn run(self, plan: &Plan) -> Result<()> {
        let mut command = self.command(plan)?;
        command.stdout(std::io::stderr());
        let status = command.status().context("start this program again")?;
        ensure!(status.success(), "the step {} ended with {status}", self.text());
        Ok(())
    }

    /// What the process does.
    pub(crate) fn perform(text: &str, arguments: &[String]) -> Result<()> {
        let plan = Plan::new(arguments)?;
        match Self::parse(text)? {
            Self::Check => check::check(&plan),
            Self::Group(group) => group.measure(&plan),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_as_they_are_written() {
        for step in [Step::Check, Step::Group(Group::Durable)] {
            assert_eq!(Step::parse(&step.text()).unwrap(), step);
        }
        assert!(Step::parse("group:none").is_err());
        assert!(Step::parse("").is_err());
    }
}
