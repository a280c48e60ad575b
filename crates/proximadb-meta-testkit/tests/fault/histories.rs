//! Histories through the proxy and through kills: right ones are accepted, and a backend that loses or doubles writes is caught.

use std::sync::Arc;
use std::time::Duration;

use proximadb_meta_testkit::bugs::Bug;
use proximadb_meta_testkit::fault::{FaultProxy, Mix, ProxyFaults, Script, ServerKills, ServerProcess};
use proximadb_meta_testkit::history::{Clients, Disturb, Histories, run_disturbed};
use tempfile::TempDir;

use crate::remote::{Remote, Server};
use crate::roles::{command, free_port};
use crate::{Checked, Named, block_on};

pub(crate) const ALL: &[Named] = &[
    ("histories::through_every_fault_are_linearizable", through_every_fault_are_linearizable),
    ("histories::through_kills_and_faults_are_linearizable", through_kills_and_faults_are_linearizable),
    ("histories::of_clients_who_give_up_are_linearizable", of_clients_who_give_up_are_linearizable),
    ("histories::a_write_sent_again_is_caught", a_write_sent_again_is_caught),
    ("histories::an_acknowledged_write_that_was_not_done_is_caught", a_lost_write_is_caught),
    ("histories::of_which_nothing_is_left_are_refused", nothing_left_is_refused),
];

/// Every connection breaks sooner or later, most of them with the request done.
const ROUGH: Mix = Mix { cut: 300, execute_then_cut: 700, most_requests: 30, most_bytes: 255, ..Mix::NONE };

fn through(server: &Server) -> (Arc<FaultProxy>, Arc<dyn Disturb>, Remote) {
    let proxy = Arc::new(FaultProxy::start(server.address, Script::clean()).unwrap());
    let remote = Remote::new(server, proxy.address());
    (proxy.clone(), Arc::new(ProxyFaults::new(proxy, Mix { half_open: 5, blackhole: 5, ..Mix::default() })), remote)
}

fn told(done: &Histories) {
    println!("{} histories of {} calls: {} open, {} silent", done.histories, done.calls, done.open, done.silent);
}

fn through_every_fault_are_linearizable() -> Checked {
    let server = Server::start();
    let (proxy, disturb, remote) = through(&server);
    let done = run_disturbed(remote, 0..10, Clients::default(), disturb).map_err(|f| f.to_string())?;
    told(&done);
    assert_eq!(done.histories, 60);
    assert!(done.calls > 60 * 200 * 3 / 4, "an update of what is not there is only a read");
    assert!(done.open >= 60, "{done:?}");
    assert!(proxy.counts().cuts > 200, "{:?}", proxy.counts());
    Ok(())
}

fn through_kills_and_faults_are_linearizable() -> Checked {
    let (server, dir, port) = (Server::start(), TempDir::new()?, free_port());
    let role = command(&["relay", &port.to_string(), &server.address.port().to_string()]);
    let mut relay = ServerProcess::new(role, ([127, 0, 0, 1], port).into(), dir.path().join("log"));
    block_on(relay.start())?;
    let proxy = Arc::new(FaultProxy::start(relay.address(), Script::clean())?);
    let remote = Remote::new(&server, proxy.address());
    let kills = Arc::new(ServerKills::new(relay, 60));
    let faults = Arc::new(ProxyFaults::new(proxy, Mix { cut: 200, execute_then_cut: 100, ..Mix::NONE }));
    let both: Vec<Arc<dyn Disturb>> = vec![faults, kills.clone()];
    let done = run_disturbed(remote, 0..5, Clients::default(), Arc::new(both)).map_err(|f| f.to_string())?;
    told(&done);
    let killed = block_on(kills.kills());
    println!("{killed} kills");
    assert_eq!(done.histories, 30);
    assert!(killed >= 30, "{killed} kills");
    assert!(done.open > 0 && done.silent > 0, "{done:?}");
    Ok(())
}

/// The backend waits for ever; its clients do not, and drop their calls.
fn of_clients_who_give_up_are_linearizable() -> Checked {
    let server = Server::start();
    let (proxy, _, remote) = through(&server);
    let remote = Remote { patience: Duration::from_secs(3600), ..remote };
    let silent = Arc::new(ProxyFaults::new(proxy, Mix { half_open: 200, blackhole: 100, most_bytes: 63, ..Mix::NONE }));
    let clients = Clients { clients: 4, calls: 20, patience: Duration::from_millis(200) };
    let done = run_disturbed(remote, 0..2, clients, silent).map_err(|f| f.to_string())?;
    told(&done);
    assert!(done.open > 0 && done.silent > 0, "{done:?}");
    Ok(())
}

fn a_write_sent_again_is_caught() -> Checked {
    let server = Server::start();
    let (proxy, _, remote) = through(&server);
    let remote = Remote { sends_again: true, ..remote };
    let rough = Arc::new(ProxyFaults::new(proxy, ROUGH));
    let failure = run_disturbed(remote, 0..50, Clients::default(), rough).expect_err("a delta counted twice");
    let text = failure.to_string();
    println!("{text}");
    assert!(text.contains("not linearizable") && text.contains("the proxy played each: "), "{text}");
    Ok(())
}

fn a_lost_write_is_caught() -> Checked {
    let server = Server::start();
    let (proxy, _, remote) = through(&server);
    let remote = Remote { bug: Some(Bug::UpdateNotDone), ..remote };
    let rough = Arc::new(ProxyFaults::new(proxy, ROUGH));
    let failure = run_disturbed(remote, 0..50, Clients::default(), rough).expect_err("an update was not done");
    assert!(failure.to_string().contains("not linearizable"), "{failure}");
    Ok(())
}

/// All is cut: nothing was checked, and that is no pass.
fn nothing_left_is_refused() -> Checked {
    let server = Server::start();
    let (proxy, _, remote) = through(&server);
    let nothing = Arc::new(ProxyFaults::new(proxy, Mix { reset: 1000, ..Mix::NONE }));
    let failure = run_disturbed(remote, 0..1, Clients::default(), nothing).expect_err("nothing was told");
    assert!(failure.to_string().contains("had an answer that tells something"), "{failure}");
    Ok(())
}
