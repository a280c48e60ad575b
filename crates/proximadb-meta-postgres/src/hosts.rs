//! Several hosts as one after the other.

use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// The settings for one host after the other. The driver's own way to go through them bounds no more than the connection of the
/// socket: a server that accepts and then says nothing would take the time of those after it.
pub(crate) fn each_host(config: &Config) -> Vec<Config> {
    let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let fits = |n: usize, least: usize| n <= least || n == hosts.len();
    if hosts.len() < 2 || !fits(addresses.len(), 0) || !fits(ports.len(), 1) {
        // One, or numbers that do not go together: the driver says so.
        return vec![config.clone()];
    }
    let each = hosts.iter().enumerate().map(|(i, host)| {
        let mut one = Config::new();
        match host {
            Host::Tcp(name) => one.host(name),
            #[cfg(unix)]
            Host::Unix(path) => one.host_path(path),
        };
        if let Some(address) = addresses.get(i) {
            one.hostaddr(*address);
        }
        if let Some(port) = ports.get(i).or_else(|| ports.first()) {
            one.port(*port);
        }
        copy_settings(config, &mut one);
        one
    });
    each.collect()
}

/// Everything but hosts, their addresses and ports.
fn copy_settings(from: &Config, to: &mut Config) {
    copy_login(from, to);
    if let Some(options) = from.get_options() {
        to.options(options);
    }
    if let Some(name) = from.get_application_name() {
        to.application_name(name);
    }
    if let Some(timeout) = from.get_connect_timeout() {
        to.connect_timeout(*timeout);
    }
    if let Some(timeout) = from.get_tcp_user_timeout() {
        to.tcp_user_timeout(*timeout);
    }
    if let Some(interval) = from.get_keepalives_interval() {
        to.keepalives_interval(interval);
    }
    if let Some(retries) = from.get_keepalives_retries() {
        to.keepalives_retries(retries);
    }
    to.keepalives(from.get_keepalives())
        .keepalives_idle(from.get_keepalives_idle())
        .ssl_mode(from.get_ssl_mode())
        .ssl_negotiation(from.get_ssl_negotiation())
        .channel_binding(from.get_channel_binding())
        .target_session_attrs(from.get_target_session_attrs())
        .load_balance_hosts(from.get_load_balance_hosts());
}

/// Who connects, and to which database.
pub(crate) fn copy_login(from: &Config, to: &mut Config) {
    if let Some(user) = from.get_user() {
        to.user(user);
    }
    if let Some(password) = from.get_password() {
        to.password(password);
    }
    if let Some(database) = from.get_dbname() {
        to.dbname(database);
    }
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::{ChannelBinding, SslMode};

    use super::*;
    use crate::config::PostgresOptions;

    #[test]
    fn every_host_has_all_the_settings() {
        let mut options = PostgresOptions { password: Some("p".into()), ..PostgresOptions::default() };
        options.load_balance_hosts = true;
        options.channel_binding = Some(ChannelBinding::Require);
        let more = "sslnegotiation=direct&options=-c%20a%3Db&keepalives_interval=7&keepalives_retries=3";
        let hosts = ["one:1", "two:2", "%2Frun:3"];
        let address = |hosts: &str| format!("u@{hosts}/d?{more}&target_session_attrs=read-write");
        let target = |hosts: &str| options.target(&address(hosts)).unwrap();
        let mut all = each_host(&target(&hosts.join(",")).config);
        for (one, host) in all.iter_mut().zip(hosts) {
            // A share of the time.
            one.connect_timeout(options.connect_timeout).ssl_mode(SslMode::Require);
            let mut alone = target(host).config;
            assert!(*one == *alone.ssl_mode(SslMode::Require), "{host}");
        }
        assert_eq!(all.len(), 3);
        // Numbers that do not go together are left to the driver, which refuses them.
        assert_eq!(each_host(&target("one,two,three:1").config).len(), 3);
        let wrong = options.target("u@one,two/d?port=1,2,3").map(|t| each_host(&t.config).len());
        assert!(wrong.is_err() || wrong.is_ok_and(|n| n == 1));
    }
}
