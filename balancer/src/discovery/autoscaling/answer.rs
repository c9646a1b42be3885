//! Answers of the AWS Query protocol, read from their XML. Pure.

use std::collections::HashMap;
use std::net::IpAddr;

use quick_xml::Reader;
use quick_xml::events::Event;

/// Deepest nesting of an answer.
const DEPTH_MAX: usize = 32;

/// Most elements of an answer: 1000 instances have 60,000.
const ELEMENTS_MAX: usize = 500_000;

/// Whether an instance is to get requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InstanceState {
    /// `InService`.
    Serving,
    /// `Terminating` and on, `Detaching`, `EnteringStandby`, `Standby`.
    Leaving,
    /// `Pending` and the like: not yet.
    Coming,
}

impl InstanceState {
    fn of(lifecycle: &str) -> Self {
        let leaves = ["Terminat", "Detach", "EnteringStandby", "Standby"];
        match lifecycle {
            "InService" => Self::Serving,
            state if leaves.iter().any(|start| state.starts_with(start)) => Self::Leaving,
            _ => Self::Coming,
        }
    }
}

/// An instance as its group sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instance {
    pub(super) id: String,
    pub(super) state: InstanceState,
}

/// An answer to `DescribeAutoScalingGroups`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Groups {
    pub(super) groups: Vec<(String, Vec<Instance>)>,
    /// Where the next page begins.
    pub(super) next: Option<String>,
}

/// Where an instance is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) address: IpAddr,
    /// The name of its availability zone.
    pub(super) zone: Option<String>,
}

/// An answer to `DescribeInstances`: those that run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) places: HashMap<String, Place>,
    /// Where the next page begins.
    pub(super) next: Option<String>,
}

/// Reads an answer to `DescribeAutoScalingGroups`.
pub(super) fn groups(xml: &str) -> Result<Groups, String> {
    let answer = Element::read(xml)?;
    let result = answer
        .child("DescribeAutoScalingGroupsResult")
        .ok_or("has no result")?;
    let instance = |member: &Element| {
        Some(Instance {
            id: member.text("InstanceId")?.to_owned(),
            state: InstanceState::of(member.text("LifecycleState")?),
        })
    };
    let groups = result.list("AutoScalingGroups", "member").filter_map(|group| {
        let instances = group.list("Instances", "member").filter_map(instance);
        Some((
            group.text("AutoScalingGroupName")?.to_owned(),
            instances.collect(),
        ))
    });
    Ok(Groups {
        groups: groups.collect(),
        next: result.text("NextToken").map(str::to_owned),
    })
}

/// Reads an answer to `DescribeInstances`.
pub(super) fn places(xml: &str) -> Result<Places, String> {
    let answer = Element::read(xml)?;
    let reservations = answer.child("reservationSet").ok_or("has no reservations")?;
    let instances = reservations
        .all("item")
        .flat_map(|reservation| reservation.list("instancesSet", "item"));
    let place = |instance: &Element| {
        if instance.child("instanceState")?.text("name")? != "running" {
            return None;
        }
        let place = Place {
            address: instance.text("privateIpAddress")?.parse().ok()?,
            zone: instance
                .child("placement")
                .and_then(|placement| placement.text("availabilityZone"))
                .map(str::to_owned),
        };
        Some((instance.text("instanceId")?.to_owned(), place))
    };
    Ok(Places {
        places: instances.filter_map(place).collect(),
        next: answer.text("nextToken").map(str::to_owned),
    })
}

/// Reads an answer to `DescribeAvailabilityZones`: names and ids.
pub(super) fn zones(xml: &str) -> Result<HashMap<String, String>, String> {
    let answer = Element::read(xml)?;
    let zones = answer.list("availabilityZoneInfo", "item");
    let pair = |zone: &Element| Some((zone.text("zoneName")?.to_owned(), zone.text("zoneId")?.to_owned()));
    Ok(zones.filter_map(pair).collect())
}

/// What an answer complains of: `Code: Message`.
pub(super) fn complaint(xml: &str) -> Option<String> {
    let answer = Element::read(xml).ok()?;
    // Auto Scaling has the error at the top, EC2 in a list of one.
    let error = answer
        .child("Error")
        .or_else(|| answer.child("Errors")?.child("Error"))?;
    Some(format!(
        "{}: {}",
        error.text("Code")?,
        error.text("Message").unwrap_or_default()
    ))
}

/// An element with what is in it, without namespaces and attributes.
#[derive(Debug, Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// The root of a document.
    fn read(xml: &str) -> Result<Self, String> {
        let mut reader = Reader::from_str(xml);
        let mut open: Vec<Self> = vec![Self::default()];
        let mut count = 0;
        loop {
            let event = reader
                .read_event()
                .map_err(|error| format!("is no XML: {error}"))?;
            match event {
                Event::Start(start) => {
                    count += 1;
                    if DEPTH_MAX < open.len() || ELEMENTS_MAX < count {
                        return Err("is too large".to_owned());
                    }
                    open.push(Self::named(start.local_name().as_ref()));
                }
                Event::Empty(start) => {
                    count += 1;
                    let empty = Self::named(start.local_name().as_ref());
                    open.last_mut().ok_or("is no XML")?.children.push(empty);
                }
                Event::Text(text) => {
                    open.last_mut().ok_or("is no XML")?.text.push_str(text.trim());
                }
                Event::GeneralRef(entity) => {
                    let last = open.last_mut().ok_or("is no XML")?;
                    let resolved = entity.resolve_char_ref().ok().flatten();
                    last.text.extend(resolved.or_else(|| predefined(&entity)));
                }
                Event::End(_) => {
                    let ended = open.pop().ok_or("is no XML")?;
                    open.last_mut().ok_or("is no XML")?.children.push(ended);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        match (open.pop(), open.is_empty()) {
            (Some(mut document), true) => document.children.pop().ok_or_else(|| "is empty".to_owned()),
            _ => Err("breaks off".to_owned()),
        }
    }

    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of a child; none when it has none.
    fn text(&self, name: &str) -> Option<&str> {
        self.child(name)
            .map(|child| child.text.as_str())
            .filter(|text| !text.is_empty())
    }

    /// The `item`s in the child called `name`.
    fn list<'a>(&'a self, name: &str, item: &'a str) -> impl Iterator<Item = &'a Self> {
        self.child(name).into_iter().flat_map(move |list| list.all(item))
    }
}

/// The five entities that need no declaration. XML 1.0 §4.6.
fn predefined(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "apos" => '\'',
        "quot" => '"',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lifecycle: &str, state: InstanceState) {
        assert_eq!(InstanceState::of(lifecycle), state, "{lifecycle}");
    }

    #[test]
    fn every_lifecycle_state_has_a_meaning() {
        check("InService", InstanceState::Serving);
        for leaving in [
            "Terminating",
            "Terminating:Wait",
            "Terminating:Proceed",
            "Terminated",
            "Detaching",
            "Detached",
            "EnteringStandby",
            "Standby",
        ] {
            check(leaving, InstanceState::Leaving);
        }
        for coming in [
            "Pending",
            "Pending:Wait",
            "Pending:Proceed",
            "Warmed:Running",
            "Quarantined",
            "",
        ] {
            check(coming, InstanceState::Coming);
        }
    }

    #[test]
    fn groups_are_read_with_their_next_page() {
        let xml = r#"<?xml version="1.0"?>
<DescribeAutoScalingGroupsResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/">
  <DescribeAutoScalingGroupsResult>
    <AutoScalingGroups>
      <member><AutoScalingGroupName>a&amp;b</AutoScalingGroupName><Instances>
        <member><InstanceId>i-1</InstanceId><LifecycleState>InService</LifecycleState></member>
        <member><InstanceId>i-2</InstanceId><LifecycleState>Terminating:Wait</LifecycleState></member>
        <member><InstanceId>i-3</InstanceId></member>
      </Instances></member>
      <member><AutoScalingGroupName>empty</AutoScalingGroupName><Instances/></member>
    </AutoScalingGroups>
    <NextToken>more</NextToken>
  </DescribeAutoScalingGroupsResult>
</DescribeAutoScalingGroupsResponse>"#;
        let groups = groups(xml).unwrap();
        assert_eq!(groups.next.as_deref(), Some("more"));
        let instance = |id: &str, state| Instance {
            id: id.to_owned(),
            state,
        };
        let first = vec![
            instance("i-1", InstanceState::Serving),
            instance("i-2", InstanceState::Leaving),
        ];
        assert_eq!(
            groups.groups,
            [("a&b".to_owned(), first), ("empty".to_owned(), Vec::new())]
        );
    }

    #[test]
    fn only_running_instances_have_a_place() {
        let item = |id: &str, state: &str| {
            format!(
                "<item><instanceId>{id}</instanceId><instanceState><name>{state}</name></instanceState>\
                 <privateIpAddress>10.0.0.7</privateIpAddress>\
                 <placement><availabilityZone>eu-west-1a</availabilityZone></placement></item>"
            )
        };
        let xml = format!(
            "<DescribeInstancesResponse><reservationSet><item><instancesSet>{}{}</instancesSet></item>\
             <item><instancesSet/></item></reservationSet></DescribeInstancesResponse>",
            item("i-1", "running"),
            item("i-2", "shutting-down")
        );
        let places = places(&xml).unwrap();
        assert_eq!((places.places.len(), places.next), (1, None));
        assert_eq!(places.places["i-1"].zone.as_deref(), Some("eu-west-1a"));
    }

    #[test]
    fn errors_are_told_in_both_forms() {
        let top = "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>";
        assert_eq!(complaint(top).as_deref(), Some("Throttling: Rate exceeded"));
        let list = "<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors></Response>";
        assert_eq!(complaint(list).as_deref(), Some("UnauthorizedOperation: "));
        assert_eq!(complaint("nonsense"), None);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let deep = "<a>".repeat(100);
        for xml in ["", "<a><b></a>", "<a>", &deep, "text", "<a/>"] {
            assert!(groups(xml).is_err(), "{xml}");
        }
    }
}
