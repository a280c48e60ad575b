//! What can be found out about the server and the tables: for `doctor`.

use proximadb_meta_core::report::{Finding, SchemaAction};
use proximadb_meta_core::{Error, Result, Retry};
use tokio_postgres::Client;
use tokio_postgres::types::FromSqlOwned;

use crate::driver::PostgresDriver;
use crate::error::failed;
use crate::pool::{Status, discard, silent};
use crate::replicas::Replicas;
use crate::schema;
use crate::standing::{Seen, Standing};

/// Looks, and changes nothing.
pub(crate) async fn look(driver: &PostgresDriver) -> Result<Vec<Finding>> {
    if let Some(replicas) = &driver.replicas {
        replicas.looked_at().await;
    }
    // Before a connection of it is taken.
    let pool = of_pool(driver.pool.status());
    let client = driver.pool.get().await?;
    let Some(mut found) = driver.pool.in_time(of_server(driver, &client, pool)).await else {
        discard(client);
        return Err(silent("look at the server").with_retry(Retry::Safe));
    };
    found.extend(driver.replicas.iter().flat_map(|replicas| replicas.each()).map(|replica| of_replica(&replica)));
    Ok(found)
}

async fn of_server(driver: &PostgresDriver, client: &Client, pool: Finding) -> Vec<Finding> {
    vec![
        of_version(client).await,
        of_layout(client, &driver.options.schema).await,
        of_sync(client).await,
        of_tls(client).await,
        of_connections(client, driver.options.pool_size).await,
        pool,
        of_replicas(driver.replicas.as_deref()),
        of_indexes(client, &driver.options.schema).await,
        of_statistics(client, &driver.options.schema).await,
        of_restores(client, &driver.texts.prefix).await,
    ]
}

/// Looks at a server on which no catalog was opened, and changes nothing.
pub(crate) async fn examine(client: &Client, schema: &str, pool_size: usize) -> Vec<Finding> {
    vec![
        of_version(client).await,
        of_layout(client, schema).await,
        of_sync(client).await,
        of_tls(client).await,
        of_connections(client, pool_size).await,
    ]
}

/// What cannot be looked at is a finding too.
fn unread(subject: &str, e: &Error) -> Finding {
    let fix = e.hint().unwrap_or("look at the server's log");
    Finding::warning(subject, format!("cannot be read: {e}"), fix)
}

async fn one<T: FromSqlOwned>(client: &Client, text: &str) -> Result<T> {
    let row = client.query_one(text, &[]).await;
    row.and_then(|row| row.try_get(0)).map_err(|e| failed("look at the server", &e))
}

async fn of_version(client: &Client) -> Finding {
    match one::<String>(client, "SELECT current_setting('server_version')").await {
        Ok(version) => Finding::ok("server", format!("PostgreSQL {version}")),
        Err(e) => unread("server", &e),
    }
}

async fn of_layout(client: &Client, name: &str) -> Finding {
    match schema::report(client, name, SchemaAction::Status).await {
        Ok(report) => report.finding(),
        Err(e) => unread("layout", &e),
    }
}

async fn of_sync(client: &Client) -> Finding {
    let text = "SELECT concat('fsync ', current_setting('fsync'), ', synchronous_commit ', \
                current_setting('synchronous_commit'), ', full_page_writes ', current_setting('full_page_writes'))";
    match one::<String>(client, text).await {
        Ok(found) if found.contains("fsync off") || found.contains("full_page_writes off") => Finding::problem(
            "durability of the server",
            format!("{found}: a loss of power can destroy the database"),
            "set fsync and full_page_writes on in postgresql.conf",
        ),
        Ok(found) => Finding::ok("durability of the server", found),
        Err(e) => unread("durability of the server", &e),
    }
}

async fn of_tls(client: &Client) -> Finding {
    let text =
        "SELECT CASE WHEN ssl THEN concat(version, ', ', cipher) END FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    match one::<Option<String>>(client, text).await {
        Ok(Some(found)) => Finding::ok("tls", found),
        Ok(None) => Finding::note(
            "tls",
            "this connection is in the clear",
            "ask for sslmode=verify-full, except over a socket or loopback",
        ),
        Err(e) => unread("tls", &e),
    }
}

async fn of_connections(client: &Client, pool: usize) -> Finding {
    const SUBJECT: &str = "connections of the server";
    let most = one::<i32>(client, "SELECT current_setting('max_connections')::int4").await;
    let used = one::<i64>(client, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'").await;
    match (most, used) {
        (Ok(most), Ok(used)) => {
            let found = format!("{used} of {most} in use; this pool takes up to {pool}");
            let (most, used) = (most.unsigned_abs() as usize, used.unsigned_abs());
            let finding = if pool * 2 > most {
                let fix = "lower pool_size, raise max_connections, or put a pooler in between";
                Finding::warning(SUBJECT, format!("{found}: two such processes are too many"), fix)
            } else {
                Finding::ok(SUBJECT, found)
            };
            finding.with_value(used, "connections")
        }
        (Err(e), _) | (_, Err(e)) => unread(SUBJECT, &e),
    }
}

fn of_pool(status: Status) -> Finding {
    let Status { active, idle, waiting } = status;
    let found = format!("{active} active, {idle} idle, {waiting} calls waiting");
    let finding = if waiting == 0 {
        Finding::ok("pool", found)
    } else {
        Finding::warning("pool", found, "raise pool_size, or ask less at the same time")
    };
    finding.with_value(waiting as u64, "calls")
}

fn of_replicas(replicas: Option<&Replicas>) -> Finding {
    let Some(replicas) = replicas else { return Finding::ok("replicas", "none are configured") };
    let (all, usable) = replicas.counts();
    let found = format!("{usable} of {all} follow");
    let fix = "look at the others: whether they run, stream, and replay; reads go to the primary meanwhile";
    match replicas.ailing() {
        // As health has it.
        Some(_) => Finding::warning("replicas", found, fix),
        None if usable < all => Finding::note("replicas", found, fix),
        None => Finding::ok("replicas", found),
    }
}

/// Each by itself: which one it is that does not follow, and whether they share the reads as was meant.
fn of_replica(replica: &Seen<'_>) -> Finding {
    let Seen { place, weight, standing, asked } = replica;
    let (subject, told) = (format!("replica {place}"), format!("weight {weight}, asked {asked} times"));
    let fix = "look whether it runs, streams, and replays; it is asked again as soon as it follows";
    let finding = match standing {
        Standing::Has(_) => Finding::ok(&subject, format!("follows, {told}")),
        Standing::Unknown => Finding::note(&subject, format!("is not known yet, {told}"), "look again in a second"),
        Standing::Out(why) => Finding::note(&subject, format!("does not follow, {told}: {why}"), fix),
    };
    finding.with_value(*asked, "reads")
}

async fn of_indexes(client: &Client, name: &str) -> Finding {
    let text = format!(
        "SELECT string_agg(c.relname::text, ', ') FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid \
         JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = '{name}' AND NOT i.indisvalid"
    );
    match one::<Option<String>>(client, &text).await {
        Ok(None) => Finding::ok("indexes", "all are valid"),
        Ok(Some(bad)) => Finding::problem("indexes", format!("not valid: {bad}"), "REINDEX them"),
        Err(e) => unread("indexes", &e),
    }
}

async fn of_statistics(client: &Client, name: &str) -> Finding {
    let text = format!(
        "SELECT coalesce(last_analyze, last_autoanalyze) IS NOT NULL OR n_live_tup < 1000 FROM pg_stat_user_tables \
         WHERE schemaname = '{name}' AND relname = 'collections'"
    );
    match one::<bool>(client, &text).await {
        Ok(true) => Finding::ok("statistics", "the table was analyzed, or is small"),
        Ok(false) => Finding::note(
            "statistics",
            "the table was never analyzed: plans are made without knowing what it holds",
            "run pxmeta maintain, and leave autovacuum on",
        ),
        Err(e) => unread("statistics", &e),
    }
}

async fn of_restores(client: &Client, prefix: &str) -> Finding {
    match one::<i64>(client, &format!("SELECT count(*) FROM {prefix}restoring")).await {
        Ok(0) => Finding::ok("restores", "none is unfinished"),
        Ok(n) => Finding::problem(
            "restores",
            format!("{n} namespaces are being restored, or a restore failed half way"),
            "wait for it, or restore again with replace",
        ),
        Err(e) => unread("restores", &e),
    }
}
