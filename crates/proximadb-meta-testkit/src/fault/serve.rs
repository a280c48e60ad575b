//! The loop that accepts connections.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::select;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::connection;
use super::shared::Shared;

/// Serves until dropped; its connections end with it.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    let (plan, ticket) = shared.admit();
                    connections.spawn(connection::run(client, plan, ticket, shared.clone()));
                }
                // Out of file descriptors, most likely: it gets better as connections end.
                Err(_) => sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
