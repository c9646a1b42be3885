//! A small IMDS: tokens, values by path, and tokens that go stale.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A running one; it ends with the runtime.
pub(crate) struct ImdsServer {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    values: HashMap<String, String>,
    tokens: u32,
}

impl ImdsServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&shared)));
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets the value at a path below `/latest/meta-data/`.
    pub(crate) fn set(&self, path: &str, value: &str) {
        let path = format!("/latest/meta-data/{path}");
        self.state.lock().unwrap().values.insert(path, value.to_owned());
    }

    pub(crate) fn clear(&self, path: &str) {
        let path = format!("/latest/meta-data/{path}");
        self.state.lock().unwrap().values.remove(&path);
    }

    /// Makes all tokens stale.
    pub(crate) fn forget_tokens(&self) {
        self.state.lock().unwrap().tokens += 1;
    }
}

async fn answer(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let (status, text) = {
        let state = state.lock().unwrap();
        let token = format!("token-{}", state.tokens);
        let path = head.split(' ').nth(1).unwrap();
        if head.starts_with("put /latest/api/token ") {
            let lives = head.contains("x-aws-ec2-metadata-token-ttl-seconds: ");
            if lives {
                ("200 OK", token)
            } else {
                ("400 Bad Request", String::new())
            }
        } else if !head.contains(&format!("x-aws-ec2-metadata-token: {token}\r\n")) {
            ("401 Unauthorized", String::new())
        } else {
            match state.values.get(path) {
                Some(value) => ("200 OK", value.clone()),
                None => ("404 Not Found", String::new()),
            }
        }
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
        text.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}
