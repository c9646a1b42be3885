//! What the operator sees: logs and metrics.

use serde_json::Value;
use tempfile::TempDir;

use crate::answers::a_later_segment;
use crate::rig::{Rig, sample};

#[tokio::test]
async fn each_request_is_a_line_of_the_access_log() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("access.log");
    let rig = Rig::over_folder(&sample(), &format!("access_log: {}\n", log.display())).await;
    let path = a_later_segment(&rig).await;
    rig.get_with(&path, &[("user-agent", "player/1"), ("x-request-id", "abc")])
        .await;
    rig.get_with(&path, &[("range", "bytes=0-99")]).await;
    rig.get("/absent.ism/.mpd?a=b").await;
    let long = format!("/absent.ism/.mpd?{}", "x".repeat(20_000));
    rig.get_with(&long, &[("user-agent", &"y".repeat(10_000))]).await;
    rig.shutdown.drain();
    rig.task.await.unwrap();
    let text = std::fs::read_to_string(log).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    // A line is written when its request is over, which the next request does not wait for.
    let of = |what: &dyn Fn(&Value) -> bool| lines.iter().find(|line| what(line)).unwrap();
    let cold = of(&|line| line["request_id"] == "abc");
    let warm = of(&|line| line["range"] == "bytes=0-99");
    let absent = of(&|line| line["path"] == "/absent.ism/.mpd?a=b");
    let long = of(&|line| {
        line["user_agent"]
            .as_str()
            .is_some_and(|agent| agent.starts_with('y'))
    });
    assert_eq!(cold["method"], "GET");
    assert_eq!(cold["path"], path.as_str());
    assert_eq!(cold["status"], 200);
    assert_eq!(cold["title"], "harbour.ism");
    assert_eq!(cold["kind"], "segment");
    assert_eq!(cold["cache"], "miss");
    assert_eq!(cold["store_requests"], 1);
    assert_eq!(cold["ending"], "whole");
    assert_eq!(cold["user_agent"], "player/1");
    assert_eq!(cold["request_id"], "abc");
    assert!(cold["remote"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(cold["time"].as_str().unwrap().ends_with('Z'));
    assert!(cold["ttfb_ms"].as_f64().unwrap() <= cold["duration_ms"].as_f64().unwrap());
    assert_eq!(warm["cache"], "hit");
    assert_eq!(warm["bytes"], 100);
    assert_eq!(warm["range"], "bytes=0-99");
    assert_eq!(warm["store_requests"], 0);
    assert_eq!(absent["status"], 404);
    assert_eq!(absent["fault"], "title_absent");
    assert_eq!(absent["path"], "/absent.ism/.mpd?a=b");
    assert_eq!(long["path"].as_str().unwrap().len(), 2048);
}

#[tokio::test]
async fn what_is_served_is_counted() {
    let rig = Rig::start().await;
    let path = a_later_segment(&rig).await;
    // Tables that lie behind the media have been read by now.
    let fills = "strata_cache_fills_total{result=\"filled\",tier=\"chunks_memory\"}";
    let before = rig.metric(fills).await;
    let size = rig.get(&path).await.body.len();
    rig.get(&path).await;
    assert_eq!(
        rig.metric("strata_origin_requests_total{class=\"2xx\",kind=\"segment\"}")
            .await,
        2.0
    );
    let bytes = rig
        .metric("strata_origin_response_bytes_total{kind=\"segment\"}")
        .await;
    assert_eq!(bytes, (2 * size) as f64);
    assert_eq!(
        rig.metric("strata_origin_request_duration_seconds_count{kind=\"segment\"}")
            .await,
        2.0
    );
    assert_eq!(rig.metric(fills).await - before, 1.0);
    assert_eq!(rig.metric("strata_origin_in_flight").await, 0.0);
    assert!(
        0.0 < rig
            .metric("strata_cache_usage_bytes{tier=\"chunks_memory\"}")
            .await
    );
    assert!(
        0.0 < rig
            .metric("strata_cache_usage_bytes{tier=\"indexes_memory\"}")
            .await
    );
}

#[tokio::test]
async fn the_request_id_is_handed_back() {
    let rig = Rig::start().await;
    let given = rig
        .get_with("/harbour.ism/.mpd", &[("x-request-id", "abc-123")])
        .await;
    assert_eq!(given.header("x-request-id"), "abc-123");
    let made = rig.get("/harbour.ism/.mpd").await;
    assert_eq!(made.header("x-request-id").len(), 32);
}
