//! Balancer: a hash ring with bounded loads in front of the origins.
