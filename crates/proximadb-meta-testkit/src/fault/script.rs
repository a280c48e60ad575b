//! Which connection gets which plan.

use std::fmt;
use std::str::FromStr;

use proximadb_meta_core::{Error, Result};

use super::mix::Mix;
use super::plan::{Fault, Plan};
use super::text::{number, unknown};
use crate::rng::Rng;

/// Which connection gets which plan. Connections are counted from 0, in the order in which the proxy accepted them since the
/// script was set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Script {
    /// The same for all.
    All(Plan),
    /// The first for the first, and so on; connections after the last are clean.
    Each(Vec<Plan>),
    /// Drawn from a mix: the plan of a connection depends on the seed and its number alone.
    Random {
        /// The seed.
        seed: u64,
        /// What is drawn.
        mix: Mix,
    },
}

impl Script {
    /// Nothing goes wrong.
    #[must_use]
    pub fn clean() -> Self {
        Self::All(Plan::clean())
    }

    /// Drawn by seed from the usual mix.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        Self::Random { seed, mix: Mix::default() }
    }

    /// The plan of a connection.
    #[must_use]
    pub fn plan(&self, connection: u64) -> Plan {
        match self {
            Self::All(plan) => plan.clone(),
            Self::Each(plans) => {
                usize::try_from(connection).ok().and_then(|n| plans.get(n)).cloned().unwrap_or_default()
            }
            Self::Random { seed, mix } => {
                // The first number of a generator seeded by both spreads neighbours far apart.
                let start = Rng::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d).wrapping_add(connection)).next();
                mix.draw(&mut Rng::new(start))
            }
        }
    }

    /// The plans of the first `connections`, written out: the same faults, whatever a later release draws from the seed.
    #[must_use]
    pub fn written_out(&self, connections: u64) -> Self {
        Self::Each((0..connections).map(|n| self.plan(n)).collect())
    }
}

impl From<Fault> for Script {
    fn from(fault: Fault) -> Self {
        Self::All(fault.into())
    }
}

impl From<Plan> for Script {
    fn from(plan: Plan) -> Self {
        Self::All(plan)
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(plan) => write!(f, "all: {plan}"),
            Self::Each(plans) => {
                f.write_str("each:")?;
                for (n, plan) in plans.iter().enumerate() {
                    write!(f, "{} {plan}", if n > 0 { " |" } else { "" })?;
                }
                Ok(())
            }
            Self::Random { seed, mix } => write!(f, "seed {seed}: {mix}"),
        }
    }
}

impl FromStr for Script {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (head, rest) = text.split_once(':').ok_or_else(|| unknown("the script", text))?;
        match *head.split_whitespace().collect::<Vec<_>>() {
            ["all"] => Ok(Self::All(rest.parse()?)),
            ["each"] if rest.trim().is_empty() => Ok(Self::Each(Vec::new())),
            ["each"] => Ok(Self::Each(rest.split('|').map(str::parse).collect::<Result<_>>()?)),
            ["seed", seed] => Ok(Self::Random { seed: number(seed)?, mix: rest.parse()? }),
            _ => Err(unknown("the script", text)),
        }
    }
}
