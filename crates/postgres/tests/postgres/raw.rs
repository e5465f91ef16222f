//! A client that speaks just enough of the protocol to stop in the middle of it.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A session without a password.
pub(crate) struct RawClient(TcpStream);

impl RawClient {
    pub(crate) async fn connect(url: &str) -> Self {
        let options = PgConnectOptions::from_str(url).expect("the URL is good");
        let address = (options.get_host(), options.get_port());
        let mut client = Self(TcpStream::connect(address).await.expect("the server listens"));
        let mut startup = 196_608i32.to_be_bytes().to_vec();
        let database = options.get_database().expect("the URL names a database");
        for text in ["user", options.get_username(), "database", database, ""] {
            startup.extend_from_slice(text.as_bytes());
            startup.push(0);
        }
        client.write(None, &startup).await;
        client.read_until(b'Z').await;
        client
    }

    /// Executes a statement and never says Sync: its transaction stays open, its state `active`.
    pub(crate) async fn execute_without_sync(&mut self, sql: &str) {
        let mut parse = vec![0];
        parse.extend_from_slice(sql.as_bytes());
        parse.extend_from_slice(&[0, 0, 0]);
        self.write(Some(b'P'), &parse).await;
        self.write(Some(b'B'), &[0; 8]).await;
        self.write(Some(b'E'), &[0; 5]).await;
        self.write(Some(b'H'), &[]).await;
        self.read_until(b'C').await;
    }

    async fn write(&mut self, kind: Option<u8>, body: &[u8]) {
        let mut message: Vec<u8> = kind.into_iter().collect();
        let length = i32::try_from(body.len() + 4).expect("a short message");
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(body);
        self.0.write_all(&message).await.expect("the server reads");
    }

    async fn read_until(&mut self, wanted: u8) {
        loop {
            let kind = self.0.read_u8().await.expect("the server answers");
            let length = self.0.read_i32().await.expect("the server answers");
            let mut body = vec![0; usize::try_from(length - 4).expect("a length")];
            self.0.read_exact(&mut body).await.expect("the server answers");
            assert_ne!(kind, b'E', "the server refuses: {}", String::from_utf8_lossy(&body));
            if kind == wanted {
                return;
            }
        }
    }
}
