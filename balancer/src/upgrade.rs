//! A new binary takes over from the running one, and no client notices.
//!
//! On SIGUSR2 the running process starts its own command again and hands it the
//! listening sockets over a Unix socket, which the new one has as its standard
//! input. Both serve until the new one says that it does; then the old one
//! drains. When the new one does not come up, nothing has changed.

use std::env;
use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use strata_node::listen::{self, ListenError};
use tokio::net::TcpListener;

use crate::signals::OperatorSignal;

/// Tells a process that it is to take over. Its value does not matter.
const VARIABLE: &str = "STRATA_TAKES_OVER";

/// Where the service manager hears what a service has to say: sd_notify(3).
const MANAGER_VARIABLE: &str = "NOTIFY_SOCKET";

/// How long the new process may take until it serves.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Listeners of one process at most.
const LISTENERS_MAX: usize = 3;

/// What each listener is for, as one byte that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Clients,
    ClientsTls,
    Admin,
}

impl Role {
    const ALL: [Self; LISTENERS_MAX] = [Self::Clients, Self::ClientsTls, Self::Admin];

    fn byte(self) -> u8 {
        match self {
            Self::Clients => b'c',
            Self::ClientsTls => b't',
            Self::Admin => b'a',
        }
    }

    /// What the log calls it, and its configuration key.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Clients => ("balancer", "listen"),
            Self::ClientsTls => ("balancer-tls", "tls.listen"),
            Self::Admin => ("admin", "admin"),
        }
    }
}

/// What this process got from the one before it, if there was one.
#[derive(Debug, Default)]
pub(crate) struct Inheritance {
    listeners: Vec<(Role, std::net::TcpListener)>,
    predecessor: Option<UnixStream>,
}

impl Inheritance {
    /// Takes what a running process hands over, where one has started this one. Blocks for a moment.
    ///
    /// # Errors
    ///
    /// When one has, and hands over nothing.
    pub(crate) fn take() -> io::Result<Self> {
        if env::var_os(VARIABLE).is_none() {
            return Ok(Self::default());
        }
        let predecessor = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        predecessor.set_read_timeout(Some(START_LIMIT))?;
        Ok(Self {
            listeners: receive(&predecessor)?,
            predecessor: Some(predecessor),
        })
    }

    /// The listener for `address`: the one inherited, or a new one.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on.
    pub(crate) async fn listen(
        &mut self,
        role: Role,
        address: SocketAddr,
    ) -> Result<TcpListener, ListenError> {
        let (name, key) = role.names();
        let is_it = |listener: &std::net::TcpListener| {
            listener.local_addr().is_ok_and(|own| {
                // Port 0 is any port.
                own == address || (address.port() == 0 && own.ip() == address.ip())
            })
        };
        let found = self
            .listeners
            .iter()
            .position(|(own, listener)| *own == role && is_it(listener));
        let Some(found) = found else {
            return listen::bind(name, key, address).await;
        };
        let (_, listener) = self.listeners.swap_remove(found);
        let fail = |source| ListenError { address, key, source };
        listener.set_nonblocking(true).map_err(fail)?;
        let listener = TcpListener::from_std(listener).map_err(fail)?;
        listen::announce(name, listener.local_addr().map_err(fail)?);
        Ok(listener)
    }

    /// Tells the process before this one that it may go, and the service manager who is in charge now.
    pub(crate) fn serving(self) {
        let Some(mut predecessor) = self.predecessor else {
            return;
        };
        if let Err(error) = tell_manager() {
            tracing::warn!(%error, "the service manager does not know of the new process");
        }
        if let Err(error) = predecessor.write_all(b"!") {
            tracing::warn!(%error, "the process before this one is gone already");
        }
    }
}

/// Hands over when it is asked to. Returns once a new process serves; where one
/// does not come up, the next request tries again.
pub(crate) async fn hand_over(mut upgrade: OperatorSignal, listeners: Vec<(Role, BorrowedFd<'_>)>) {
    loop {
        upgrade.received().await;
        tracing::info!("handing over to a new process");
        match start_successor(&listeners) {
            Ok((mut successor, channel)) => {
                let pid = successor.id();
                let serves = tokio::task::spawn_blocking(move || wait(channel));
                match serves.await {
                    Ok(Ok(())) => {
                        tracing::info!(pid, "a new process serves");
                        return;
                    }
                    Ok(Err(error)) => {
                        tracing::error!(pid, %error, "the new process does not serve; this one goes on")
                    }
                    Err(error) => {
                        tracing::error!(pid, %error, "the new process is not heard; this one goes on")
                    }
                }
                // It may have ended by itself.
                let _ = successor.kill();
                let _ = successor.wait();
            }
            Err(error) => tracing::error!(%error, "no new process; this one goes on"),
        }
    }
}

/// Starts this process's command again. What lies at its path may be newer by now.
fn start_successor(listeners: &[(Role, BorrowedFd<'_>)]) -> io::Result<(Child, UnixStream)> {
    let mut arguments = env::args_os();
    let program = arguments.next().ok_or(io::ErrorKind::NotFound)?;
    let (ours, theirs) = UnixStream::pair()?;
    let child = Command::new(program)
        .args(arguments)
        .env(VARIABLE, "1")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()?;
    send(&ours, listeners)?;
    Ok((child, ours))
}

/// Waits until the new process says that it serves.
fn wait(mut channel: UnixStream) -> io::Result<()> {
    channel.set_read_timeout(Some(START_LIMIT))?;
    channel.read_exact(&mut [0])
}

fn send(channel: &UnixStream, listeners: &[(Role, BorrowedFd<'_>)]) -> io::Result<()> {
    let roles: Vec<u8> = listeners.iter().map(|(role, _)| role.byte()).collect();
    let sockets: Vec<BorrowedFd<'_>> = listeners.iter().map(|(_, socket)| *socket).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(LISTENERS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&sockets)) {
        return Err(io::Error::other("more listeners than can be handed over"));
    }
    sendmsg(
        channel,
        &[IoSlice::new(&roles)],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

fn receive(channel: &UnixStream) -> io::Result<Vec<(Role, std::net::TcpListener)>> {
    let mut roles = [0; LISTENERS_MAX];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(LISTENERS_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut slices = [IoSliceMut::new(&mut roles)];
    let size = recvmsg(channel, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC)?.bytes;
    let mut sockets: Vec<OwnedFd> = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            sockets.extend(received);
        }
    }
    if sockets.is_empty() || sockets.len() != size {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "no listeners were handed over",
        ));
    }
    let role = |byte: &u8| Role::ALL.into_iter().find(|role| role.byte() == *byte);
    let listeners = roles
        .iter()
        .zip(sockets)
        .filter_map(|(byte, socket)| Some((role(byte)?, std::net::TcpListener::from(socket))));
    Ok(listeners.collect())
}

/// Without it, systemd would take the end of the old process for the service's.
fn tell_manager() -> io::Result<()> {
    let Some(path) = env::var_os(MANAGER_VARIABLE) else {
        return Ok(());
    };
    let message = format!("MAINPID={}\nREADY=1", std::process::id());
    let socket = UnixDatagram::unbound()?;
    socket.send_to(message.as_bytes(), path).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_arrive_with_their_roles() {
        let bind = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (clients, admin) = (bind(), bind());
        let (ours, theirs) = UnixStream::pair().unwrap();
        send(
            &ours,
            &[(Role::Admin, admin.as_fd()), (Role::Clients, clients.as_fd())],
        )
        .unwrap();
        let received = receive(&theirs).unwrap();
        let addresses: Vec<_> = received
            .iter()
            .map(|(role, listener)| (*role, listener.local_addr().unwrap()))
            .collect();
        assert_eq!(
            addresses,
            [
                (Role::Admin, admin.local_addr().unwrap()),
                (Role::Clients, clients.local_addr().unwrap()),
            ]
        );
    }

    #[test]
    fn a_predecessor_that_hands_over_nothing_is_an_error() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(ours);
        assert!(receive(&theirs).is_err());
    }

    #[tokio::test]
    async fn a_listener_for_another_address_is_not_taken() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap();
        let mut inheritance = Inheritance {
            listeners: vec![(Role::Clients, listener)],
            predecessor: None,
        };
        let other = inheritance
            .listen(Role::Admin, "127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        assert_ne!(other.local_addr().unwrap(), own);
        let taken = inheritance
            .listen(Role::Clients, "127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        assert_eq!(taken.local_addr().unwrap(), own);
    }
}
