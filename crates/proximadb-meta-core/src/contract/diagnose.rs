//! A look over the store: what the adapter knows by itself, then what the driver finds.

use super::Contract;
use crate::capability::{BatchLimits, Durability};
use crate::driver::Driver;
use crate::error::Result;
use crate::page::{ListRequest, Order};
use crate::record::Field;
use crate::report::{Finding, Health, HealthStatus};
use crate::time::Timestamp;

const MICROS: u64 = 1_000_000;

impl<D: Driver> Contract<D> {
    pub(super) async fn look_over(&self) -> Result<Vec<Finding>> {
        let capabilities = self.shared.driver.capabilities();
        let health = self.health().await;
        let serves = health.status != HealthStatus::Down;
        let mut findings = vec![of_health(health), of_durability(capabilities.durability)];
        findings.push(of_batches(capabilities.atomic_batch));
        if serves && capabilities.orders.contains(&Field::UpdatedAt) {
            findings.push(self.of_clock().await);
        }
        findings.extend(self.shared.driver.diagnose(&self.call()).await?);
        Ok(findings)
    }

    /// The clock against the newest live record of the namespace.
    async fn of_clock(&self) -> Finding {
        const SUBJECT: &str = "clock";
        let newest = match Order::by(Field::UpdatedAt) {
            Ok(order) => self.page(ListRequest::new().with_order(order.reversed()).with_limit(1)).await,
            Err(e) => Err(e),
        };
        match newest.map(|page| page.records.first().map(|r| r.updated_at)) {
            Ok(Some(newest)) => clock(self.clock.now(), newest),
            Ok(None) => Finding::ok(SUBJECT, "there is no record to compare it with"),
            Err(e) => Finding::warning(
                SUBJECT,
                format!("the newest record cannot be read: {e}"),
                e.hint().unwrap_or("look at health; run the diagnosis again when the store answers"),
            ),
        }
    }
}

fn clock(now: Timestamp, newest: Timestamp) -> Finding {
    let behind = u64::try_from(newest.as_micros().saturating_sub(now.as_micros())).unwrap_or(0) / MICROS;
    if behind == 0 {
        return Finding::ok("clock", "not behind the newest record").with_value(0, "seconds");
    }
    Finding::warning(
        "clock",
        format!("{behind} seconds behind the newest record, of {newest}"),
        "set the clock of this machine, or of the one that wrote the record; until then updated_at stands still and records \
         expire late",
    )
    .with_value(behind, "seconds")
}

fn of_health(health: Health) -> Finding {
    let micros = u64::try_from(health.latency.as_micros()).unwrap_or(u64::MAX);
    let found = match &health.cause {
        Some(cause) => format!("{}: {cause}", health.status),
        None => format!("{}, answered in {micros} microseconds", health.status),
    };
    let finding = match health.status {
        HealthStatus::Ready => Finding::ok("health", found),
        HealthStatus::Degraded => Finding::warning("health", found, "mend the cause while the store still serves"),
        HealthStatus::ReadOnly => {
            Finding::problem("health", found, "mend the cause and open the store again; until then nothing is written")
        }
        HealthStatus::Down => Finding::problem("health", found, "mend the cause; until then nothing is served"),
    };
    finding.with_value(micros, "microseconds")
}

fn of_durability(durability: Durability) -> Finding {
    match durability {
        Durability::Volatile => Finding::note(
            "durability",
            "volatile: everything is gone when the process ends",
            "for what must stay use a durable backend, or back it up",
        ),
        Durability::Process => Finding::note(
            "durability",
            "process: an acknowledged write survives a crash of the process, not a loss of power",
            "for what must survive a loss of power use a backend that syncs before it answers",
        ),
        Durability::Synced => Finding::ok("durability", "synced: an acknowledged write survives a loss of power"),
        Durability::Quorum => Finding::ok("durability", "quorum: an acknowledged write survives the loss of a machine"),
    }
}

fn of_batches(limits: BatchLimits) -> Finding {
    let BatchLimits { ops, items, bytes } = limits;
    Finding::ok("batch limits", format!("{ops} operations, {items} records, {bytes} bytes in one atomic batch"))
        .with_value(ops as u64, "operations")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::report::Severity;

    #[test]
    fn a_clock_is_behind_from_a_second_on() {
        let at = Timestamp::from_micros;
        for (now, newest, behind) in [(5, 5, 0), (9, 5, 0), (0, 999_999, 0), (0, 1_000_000, 1), (0, 61_500_000, 61)] {
            let f = clock(at(now), at(newest));
            assert_eq!(f.value.map(|v| v.number), Some(behind), "{now} {newest}");
            assert_eq!(f.severity == Severity::Warning, behind > 0, "{f:?}");
        }
    }

    #[test]
    fn what_does_not_serve_is_a_problem_and_says_why() {
        for (status, severity) in [
            (HealthStatus::Ready, Severity::Ok),
            (HealthStatus::Degraded, Severity::Warning),
            (HealthStatus::ReadOnly, Severity::Problem),
            (HealthStatus::Down, Severity::Problem),
        ] {
            let cause = (status != HealthStatus::Ready).then(|| "the disk".to_owned());
            let f = of_health(Health::new(status, cause.clone(), Duration::from_micros(7)));
            assert_eq!((f.severity, f.fix.is_none()), (severity, severity == Severity::Ok));
            assert!(f.found.contains(cause.as_deref().unwrap_or("7 microseconds")), "{}", f.found);
        }
    }

    #[test]
    fn what_a_loss_of_power_takes_is_noted() {
        for (durability, severity) in [
            (Durability::Volatile, Severity::Note),
            (Durability::Process, Severity::Note),
            (Durability::Synced, Severity::Ok),
            (Durability::Quorum, Severity::Ok),
        ] {
            let f = of_durability(durability);
            assert_eq!(f.severity, severity);
            assert!(f.found.starts_with(&format!("{durability:?}").to_lowercase()), "{}", f.found);
        }
    }
}
