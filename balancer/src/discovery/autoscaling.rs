//! Members of an AWS Auto Scaling group.
//!
//! The group says which instances it has and in which state of their lives;
//! their addresses are EC2's to say. An instance gets requests while it is
//! `InService`; one that is on its way out gets no more of them at once.

mod answer;
mod query;

use std::collections::HashMap;

use async_trait::async_trait;
use strata_node::config::Value as _;
use tokio::sync::OnceCell;

use self::answer::{Instance, InstanceState};
use self::query::{Query, Service};
use super::dns::Alike;
use super::{Discovery, DiscoveryError, Found};
use crate::zone::Zone;

/// Instances whose addresses are asked for at once; AWS takes 200 values of a filter.
const BATCH_MAX: usize = 100;

/// Pages of one answer that are followed: 100 groups, or 1000 instances, each.
const PAGES_MAX: usize = 100;

/// A group, and whom to ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name. Key `group`; required.
    pub name: String,
    /// Key `region`; default: what the SDK finds.
    pub region: Option<String>,
    /// Another place than AWS to ask. Key `endpoint`.
    pub endpoint: Option<String>,
    /// What its instances have in common. Without a `zone` each is in the one that EC2 says, by its id.
    pub alike: Alike,
}

/// A group that is asked for its members.
#[derive(Debug)]
pub struct AutoscalingDiscovery {
    name: String,
    group: Group,
    query: OnceCell<Query>,
    /// From names of zones to their ids. These never change.
    zones: OnceCell<HashMap<String, String>>,
}

impl AutoscalingDiscovery {
    /// The members of `group`. Nothing is asked yet.
    pub fn new(group: Group) -> Self {
        Self {
            name: format!("group:{}", group.name),
            group,
            query: OnceCell::new(),
            zones: OnceCell::new(),
        }
    }

    /// The same with region and credentials from `sdk`.
    ///
    /// # Errors
    ///
    /// When there are none.
    pub fn with_sdk(group: Group, sdk: &aws_config::SdkConfig) -> Result<Self, DiscoveryError> {
        let query = Query::with_sdk(sdk, group.endpoint.as_deref())?;
        Ok(Self {
            query: OnceCell::new_with(Some(query)),
            ..Self::new(group)
        })
    }

    async fn query(&self) -> Result<&Query, DiscoveryError> {
        let connect = || Query::connect(self.group.region.as_deref(), self.group.endpoint.as_deref());
        self.query.get_or_try_init(connect).await
    }

    /// The instances of the group and how each of them is, page by page.
    async fn instances(&self, query: &Query) -> Result<Vec<Instance>, DiscoveryError> {
        const CALL: &str = "DescribeAutoScalingGroups";
        let mut instances = Vec::new();
        let (mut is_there, mut next) = (false, None);
        for _ in 0..PAGES_MAX {
            let mut fields = vec![
                (
                    "AutoScalingGroupNames.member.1".to_owned(),
                    self.group.name.clone(),
                ),
                ("MaxRecords".to_owned(), "100".to_owned()),
            ];
            fields.extend(next.map(|token| ("NextToken".to_owned(), token)));
            let page = query.ask(Service::Autoscaling, CALL, &fields).await?;
            let page = answer::groups(&page).map_err(|reason| DiscoveryError::Api { call: CALL, reason })?;
            for (name, members) in page.groups {
                // Nothing may pass for the group but the group.
                if name == self.group.name {
                    is_there = true;
                    instances.extend(members);
                }
            }
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        if !is_there {
            let reason = format!("there is no group called `{}`", self.group.name);
            return Err(DiscoveryError::Api { call: CALL, reason });
        }
        Ok(instances)
    }

    /// Where these instances are. One that EC2 does not know, or that does not run, is left out.
    async fn places(
        &self,
        query: &Query,
        ids: &[&str],
    ) -> Result<HashMap<String, answer::Place>, DiscoveryError> {
        const CALL: &str = "DescribeInstances";
        let mut places = HashMap::new();
        // No ids would ask for every instance of the account; there are no batches of none.
        for batch in ids.chunks(BATCH_MAX) {
            let mut next = None;
            for _ in 0..PAGES_MAX {
                // By a filter: an id that is not there any more fails the whole call otherwise.
                let mut fields = vec![
                    ("Filter.1.Name".to_owned(), "instance-id".to_owned()),
                    ("MaxResults".to_owned(), "1000".to_owned()),
                ];
                let values = batch.iter().enumerate();
                fields.extend(values.map(|(n, id)| (format!("Filter.1.Value.{}", n + 1), (*id).to_owned())));
                fields.extend(next.map(|token| ("NextToken".to_owned(), token)));
                let page = query.ask(Service::Ec2, CALL, &fields).await?;
                let page =
                    answer::places(&page).map_err(|reason| DiscoveryError::Api { call: CALL, reason })?;
                places.extend(page.places);
                next = page.next;
                if next.is_none() {
                    break;
                }
            }
        }
        Ok(places)
    }

    /// The zone of an instance: the configured one, or the id of the one EC2 says.
    async fn zone(&self, query: &Query, name: Option<&str>) -> Result<Option<Zone>, DiscoveryError> {
        const CALL: &str = "DescribeAvailabilityZones";
        let (None, Some(name)) = (&self.group.alike.zone, name) else {
            return Ok(self.group.alike.zone.clone());
        };
        let ask = || async {
            let zones = query.ask(Service::Ec2, CALL, &[]).await?;
            answer::zones(&zones).map_err(|reason| DiscoveryError::Api { call: CALL, reason })
        };
        let zones = self.zones.get_or_try_init(ask).await?;
        Ok(zones.get(name).and_then(|id| Zone::from_scalar(id).ok()))
    }
}

#[async_trait]
impl Discovery for AutoscalingDiscovery {
    fn name(&self) -> &str {
        &self.name
    }

    async fn discover(&self) -> Result<Found, DiscoveryError> {
        let query = self.query().await?;
        let instances = self.instances(query).await?;
        let in_state = |state| {
            let instances = instances.iter().filter(move |instance| instance.state == state);
            instances.map(|instance| instance.id.as_str())
        };
        let serving: Vec<&str> = in_state(InstanceState::Serving).collect();
        let places = self.places(query, &serving).await?;
        let mut found = Found {
            members: Vec::with_capacity(serving.len()),
            leaving: in_state(InstanceState::Leaving).map(str::to_owned).collect(),
        };
        for id in serving {
            let Some(place) = places.get(id) else { continue };
            let mut member = self.group.alike.member(place.address, Some(id));
            member.zone = self.zone(query, place.zone.as_deref()).await?;
            found.members.push(member);
        }
        Ok(found)
    }
}
