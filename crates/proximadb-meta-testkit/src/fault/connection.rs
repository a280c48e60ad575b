//! One connection from its acceptance to its end.

use std::pin::pin;
use std::sync::{Arc, Mutex};

use tokio::net::TcpStream;
use tokio::select;

use super::lane::{End, Lane};
use super::plan::{Cut, Direction, Fault, Plan};
use super::shared::{Shared, Ticket};
use super::socket;
use super::turns::Turns;

/// Runs a connection until both sides closed it, or it is cut.
pub(super) async fn run(mut client: TcpStream, plan: Plan, mut ticket: Ticket, shared: Arc<Shared>) {
    let mut server = None;
    let end = select! {
        biased;
        how = ticket.is_cut() => End::Cut(how),
        end = play(&mut client, &mut server, &plan, &shared) => end,
    };
    if matches!(end, End::Cut(_)) {
        shared.counts.send_modify(|c| c.cuts += 1);
    }
    let sockets = [Some(client), server].into_iter().flatten();
    match end {
        End::Done => sockets.for_each(drop),
        End::Lost | End::Cut(Cut::Rst) => sockets.for_each(socket::reset),
        End::Cut(Cut::Fin) => {
            let mut sockets: Vec<TcpStream> = sockets.collect();
            for socket in &mut sockets {
                socket::end(socket).await;
            }
            drop(ticket);
            match &mut *sockets {
                [client, server] => {
                    let _ = tokio::join!(socket::drain(client, |_| ()), socket::drain(server, |_| ()));
                }
                // Only the client's: its failure is its end.
                alone => {
                    for socket in alone {
                        let _ = socket::drain(socket, |_| ()).await;
                    }
                }
            }
        }
    }
}

async fn play(client: &mut TcpStream, server: &mut Option<TcpStream>, plan: &Plan, shared: &Shared) -> End {
    if shared.is_on() {
        if plan.faults().contains(&Fault::Reset) {
            return End::Cut(Cut::Rst);
        }
        if plan.faults().contains(&Fault::Blackhole) {
            let drained = socket::drain(client, |n| shared.counts.send_modify(|c| c.up.received += n)).await;
            return drained.map_or(End::Lost, |()| End::Done);
        }
    }
    let Ok(connected) = socket::connect(shared.upstream()).await else {
        shared.counts.send_modify(|c| c.unreachable += 1);
        return End::Lost;
    };
    let server = server.insert(connected);
    // Pieces go on as they come.
    if client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).is_err() {
        return End::Lost;
    }
    let turns = Mutex::new(Turns::new(plan));
    let mut up = Lane::new(Direction::Up, plan, shared, &turns);
    let mut down = Lane::new(Direction::Down, plan, shared, &turns);
    // Before anything passes, in either direction.
    if let Some(how) = up.due().or(down.due()) {
        return End::Cut(how);
    }
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    let mut up = pin!(up.pump(from_client, to_server));
    let mut down = pin!(down.pump(from_server, to_client));
    select! {
        biased;
        end = &mut up => if end == End::Done { down.await } else { end },
        end = &mut down => if end == End::Done { up.await } else { end },
    }
}
