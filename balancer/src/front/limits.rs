//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

/// Counts connections by where they come from. Clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Addresses {
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// An address has as many connections as it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// A connection's place; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place {
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
    address: IpAddr,
}

impl Addresses {
    /// A place for one more connection from `address`, which may have `most`, or any
    /// number if that is 0. `Ok(None)`: nothing is counted.
    ///
    /// # Errors
    ///
    /// It has all that there may be.
    pub(super) fn enter(&self, address: IpAddr, most: usize) -> Result<Option<Place>, Full> {
        if most == 0 {
            return Ok(None);
        }
        let address = whose(address);
        let mut counts = lock(&self.counts);
        let count = counts.entry(address).or_default();
        if most <= *count {
            return Err(Full);
        }
        *count += 1;
        Ok(Some(Place {
            counts: Arc::clone(&self.counts),
            address,
        }))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        if let Some(count) = counts.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

fn lock(counts: &Mutex<HashMap<IpAddr, usize>>) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    // Counts are whole between any two statements.
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One subscriber has one IPv4 address, but a whole /64 of IPv6.
fn whose(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// How many connections there may be at once, of all clients.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    places: Arc<Semaphore>,
    size: Arc<Mutex<usize>>,
}

impl Room {
    pub(super) fn new(size: usize) -> Self {
        let size = size.min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(size)),
            size: Arc::new(Mutex::new(size)),
        }
    }

    pub(super) fn places(&self) -> &Arc<Semaphore> {
        &self.places
    }

    /// From now on there may be so many. Those above stay until they end.
    pub(crate) fn resize(&self, size: usize) {
        let size = size.min(Semaphore::MAX_PERMITS);
        let before = std::mem::replace(
            &mut *self.size.lock().unwrap_or_else(PoisonError::into_inner),
            size,
        );
        if before < size {
            self.places.add_permits(size - before);
            return;
        }
        let (places, less) = (Arc::clone(&self.places), before - size);
        tokio::spawn(async move {
            for _ in 0..less {
                // Never closed.
                let Ok(place) = places.acquire().await else { return };
                place.forget();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let addresses = Addresses::default();
        let enter = |address: &str| addresses.enter(address.parse().unwrap(), 2);
        let first = enter("192.0.2.1");
        let second = enter("::ffff:192.0.2.1");
        assert!(first.is_ok() && second.is_ok());
        assert!(enter("192.0.2.1").is_err());
        assert!(enter("192.0.2.2").is_ok());
        drop(first);
        let third = enter("192.0.2.1");
        assert!(third.is_ok());
        drop((second, third));
        assert!(lock(&addresses.counts).is_empty());
    }

    #[test]
    fn a_network_of_version_6_is_one_address() {
        let addresses = Addresses::default();
        let enter = |address: &str| addresses.enter(address.parse().unwrap(), 1);
        let _held = enter("2001:db8::1");
        assert!(enter("2001:db8::2:3:4:5").is_err());
        assert!(enter("2001:db8:0:1::1").is_ok());
    }

    #[tokio::test]
    async fn room_grows_at_once_and_shrinks_as_places_are_given_back() {
        let room = Room::new(2);
        let held = Arc::clone(room.places()).acquire_many_owned(2).await.unwrap();
        room.resize(3);
        assert_eq!(room.places().available_permits(), 1);
        room.resize(1);
        drop(held);
        while room.places().available_permits() != 1 {
            tokio::task::yield_now().await;
        }
        // And no further.
        tokio::task::yield_now().await;
        assert_eq!(room.places().available_permits(), 1);
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let addresses = Addresses::default();
        let _held = addresses.enter("192.0.2.1".parse().unwrap(), 0);
        assert!(lock(&addresses.counts).is_empty());
    }
}
