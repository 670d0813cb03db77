//! Listening sockets: bound by us, so that a taken address is an error with a name, and served by pingora's accept loop.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    os::fd::IntoRawFd as _,
    sync::Arc,
};

use pingora_core::{
    apps::ServerApp,
    server::{Fds, ListenFds, ShutdownWatch},
    services::{Service as _, listening::Service},
};
use portcullis_diag::{Diagnostic, Sources};

use crate::{codes, problem::StartError};

/// A bound socket that nobody accepts from yet.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) address: SocketAddr,
    socket: TcpListener,
}

/// Binds an address; port zero takes any free port.
///
/// # Errors
/// The address is taken, not ours, or needs rights that we do not have: a fault of the configuration, or of what else runs.
pub(crate) fn bind(address: SocketAddr) -> Result<Bound, StartError> {
    let bound = TcpListener::bind(address).and_then(|socket| {
        socket.set_nonblocking(true)?;
        Ok(Bound { address: socket.local_addr()?, socket })
    });
    bound.map_err(|error| {
        let remedy = match error.kind() {
            ErrorKind::AddrInUse => "stop what listens there, or give [listen] another address",
            ErrorKind::AddrNotAvailable => {
                "name an address of this machine, or 0.0.0.0 or [::] for all of them"
            }
            ErrorKind::PermissionDenied => "ports below 1024 need CAP_NET_BIND_SERVICE",
            _ => return StartError::machine(format!("cannot listen on {address}"), error),
        };
        let problem = Diagnostic::error(codes::CANNOT_LISTEN, format!("cannot listen on {address}: {error}"));
        StartError::Config { sources: Sources::new(), diagnostics: vec![problem.help(remedy)] }
    })
}

/// Accepts until `shutdown` says so. Connections that were accepted live on by themselves.
pub(crate) async fn serve<A>(name: &str, sockets: Vec<Bound>, app: A, shutdown: ShutdownWatch)
where
    A: ServerApp + Send + Sync + 'static,
{
    let mut service = Service::new(name.to_owned(), app);
    let mut handed_over = Fds::new();
    for Bound { address, socket } in sockets {
        let name = address.to_string();
        service.add_tcp(&name);
        handed_over.add(name, socket.into_raw_fd());
    }
    let handed_over: ListenFds = Arc::new(handed_over.into());
    service.start_service(Some(handed_over), shutdown, 1).await;
}
