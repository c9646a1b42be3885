//! How many connections there may be from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts connections by where they come from. Clones count together.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    most: usize,
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
    /// `most`: connections from one address, or from one IPv6 network. 0: any number.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            counts: Arc::default(),
        }
    }

    /// A place for one more connection from `address`. `Ok(None)`: nothing is counted.
    ///
    /// # Errors
    ///
    /// It has all that there may be.
    pub(super) fn enter(&self, address: IpAddr) -> Result<Option<Place>, Full> {
        if self.most == 0 {
            return Ok(None);
        }
        let address = whose(address);
        let mut counts = lock(&self.counts);
        let count = counts.entry(address).or_default();
        if self.most <= *count {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let addresses = Addresses::new(2);
        let enter = |address: &str| addresses.enter(address.parse().unwrap());
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
        let addresses = Addresses::new(1);
        let enter = |address: &str| addresses.enter(address.parse().unwrap());
        let _held = enter("2001:db8::1");
        assert!(enter("2001:db8::2:3:4:5").is_err());
        assert!(enter("2001:db8:0:1::1").is_ok());
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let addresses = Addresses::new(0);
        let _held = addresses.enter("192.0.2.1".parse().unwrap());
        assert!(lock(&addresses.counts).is_empty());
    }
}
