//! The pages: what they show, and who may change what.

use http::HeaderValue;
use prometheus::Registry;
use serde_json::Value;

use super::*;
use crate::choice::{Algorithm, Balance};
use crate::config::OriginConfig;
use crate::observe::ObserveConfig;
use crate::pool::PoolConfig;
use crate::ring::Key;
use std::time::Duration;

const TOKEN: &str = "0123456789abcdef";

fn status(token: bool) -> Status {
    let metrics = Metrics::new(&Registry::new()).unwrap();
    let origin = |number: u16| {
        let address = std::net::SocketAddr::from(([10, 0, 0, 1], number));
        OriginConfig {
            address,
            id: format!("n{number}"),
            weight: 1,
            check: address,
            agent: None,
            zone: None,
        }
    };
    let config = PoolConfig {
        balance: Balance {
            algorithm: Algorithm::Hash,
            bound: crate::bound::Bound {
                factor_percent: 140,
                floor: 4,
            },
        },
        own_zone: None,
        spill_below_percent: 70,
        slow_start: Duration::ZERO,
        observe: ObserveConfig {
            errors: 5,
            titles: 3,
            window: Duration::from_secs(10),
            ejection: Duration::from_secs(10),
            ejected_percent_max: 34,
        },
    };
    let pool = Pool::new(&[origin(1), origin(2), origin(3)], config, &metrics).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let token = token.then(|| Token::read(&file).unwrap());
    Status::new(Arc::new(pool), metrics, token)
}

fn ask(status: &Status, method: &Method, target: &str, authorization: Option<&str>) -> Option<Page> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let authorization = authorization.map(|value| HeaderValue::from_str(value).unwrap());
    status.answer(&Question {
        method,
        path,
        query,
        authorization: authorization.as_ref(),
    })
}

fn view(status: &Status) -> Value {
    let page = ask(status, &Method::GET, "/status.json", None).unwrap();
    assert_eq!((page.status, page.content_type), (StatusCode::OK, JSON));
    serde_json::from_str(&page.body).unwrap()
}

/// POSTs with the token.
fn post(status: &Status, target: &str) -> (u16, String) {
    let page = ask(status, &Method::POST, target, Some(&format!("Bearer {TOKEN}"))).unwrap();
    (page.status.as_u16(), page.body)
}

#[test]
fn the_view_shows_the_ring_and_what_is_held() {
    let status = status(false);
    let held: Vec<_> = (0..9_u32)
        .map(|number| status.pool.pick(Key::of(&number.to_le_bytes()), &[]).unwrap())
        .collect();
    let view = view(&status);
    let nodes = view["nodes"].as_array().unwrap();
    let shares: f64 = nodes.iter().map(|node| node["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-9);
    let in_flight: u64 = nodes.iter().map(|node| node["in_flight"].as_u64().unwrap()).sum();
    assert_eq!((in_flight, view["in_flight"].as_u64().unwrap()), (9, 9));
    // Of 10 requests 14 slots, by thirds.
    let limits: Vec<u64> = nodes.iter().map(|node| node["limit"].as_u64().unwrap()).collect();
    assert_eq!(limits.iter().sum::<u64>(), 14, "{limits:?}");
    assert_eq!(nodes[0]["state"], "unchecked");
    drop(held);
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let page = ask(&status(false), &Method::GET, "/status", None).unwrap();
    assert_eq!(page.content_type, HTML);
    for outside in ["http://", "https://", "src=", "@import", "<link"] {
        assert!(!page.body.contains(outside), "{outside}");
    }
}

#[test]
fn an_operator_with_the_token_drains_weighs_and_lets_in() {
    let status = status(true);
    let state = |index: usize| view(&status)["nodes"][index]["state"].clone();
    assert_eq!(post(&status, "/nodes/n2/drain").0, 200);
    assert_eq!(state(1), "draining");
    assert_eq!(post(&status, "/nodes/n2/ready").0, 200);
    assert_eq!(state(1), "unchecked");
    let (code, told) = post(&status, "/nodes/n1/weight?percent=50");
    assert_eq!(
        (code, told.as_str()),
        (200, "n1 is in service, with 50 % of its weight\n")
    );
    let share = view(&status)["nodes"][0]["share"].as_f64().unwrap();
    assert!((share - 0.2).abs() < 0.001, "{share}");
    assert_eq!(post(&status, "/nodes/n1/weight?percent=0").0, 200);
    assert_eq!(state(0), "draining");
    assert_eq!(post(&status, "/factor?percent=125").0, 200);
    assert_eq!(view(&status)["factor_percent"], 125);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let status = status(true);
    for (target, code) in [
        ("/nodes/n9/drain", 404),
        ("/nodes/n1/weight", 400),
        ("/nodes/n1/weight?percent=101", 400),
        ("/nodes/n1/weight?percent=-1", 400),
        ("/factor?percent=100", 400),
        ("/factor", 400),
    ] {
        assert_eq!(post(&status, target).0, code, "{target}");
    }
    assert!(ask(&status, &Method::POST, "/nodes/n1/dance", None).is_none());
    assert!(ask(&status, &Method::GET, "/other", None).is_none());
    let get = ask(&status, &Method::GET, "/nodes/n1/drain", None).unwrap();
    assert_eq!(get.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn nobody_else_changes_anything() {
    let with = status(true);
    for authorization in [
        None,
        Some("Bearer 0123456789abcdeX"),
        Some("Bearer 0123456789abcde"),
        Some(TOKEN),
    ] {
        let page = ask(&with, &Method::POST, "/nodes/n1/drain", authorization).unwrap();
        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{authorization:?}");
    }
    let without = status(false);
    assert_eq!(post(&without, "/nodes/n1/drain").0, 403);
    assert_eq!(view(&with)["nodes"][0]["state"], "unchecked");
}

#[test]
fn a_token_that_can_be_guessed_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let error = Token::read(&file).unwrap_err();
    assert!(matches!(error, TokenError::Read { .. }));
    std::fs::write(&file, "short\n").unwrap();
    assert!(matches!(
        Token::read(&file).unwrap_err(),
        TokenError::TooShort { .. }
    ));
}
