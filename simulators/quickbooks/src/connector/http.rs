//! HTTP/1.1 by hand, as the .NET client speaks it: `Expect: 100-continue` honoured, one kept connection, no redirects.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("The simulator speaks plain http only, to localhost: {0}")]
    Url(String),
    #[error("Unable to connect to the remote server: {0}")]
    Connect(String),
    #[error("The underlying connection was closed: {0}")]
    Closed(String),
    #[error("The operation has timed out")]
    TimedOut,
    #[error("The server committed a protocol violation: {0}")]
    Protocol(String),
}

/// A parsed `http://host:port/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) secure: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: String,
}

impl Url {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once("://")?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) if rest[at..].starts_with('/') => (&rest[..at], rest[at..].to_owned()),
            Some(at) => (&rest[..at], format!("/{}", &rest[at..])),
            None => (rest, "/".to_owned()),
        };
        let (host, port) = if let Some(inner) = authority.strip_prefix('[') {
            let (host, after) = inner.split_once(']')?;
            (host, after.strip_prefix(':'))
        } else {
            match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            }
        };
        if host.is_empty() {
            return None;
        }
        let port = match port {
            Some(port) => port.parse().ok()?,
            None if secure => 443,
            None => 80,
        };
        let path = path.split('#').next().unwrap_or("/").to_owned();
        Some(Self {
            secure,
            host: host.to_owned(),
            port,
            path,
        })
    }

    pub(crate) fn host_header(&self) -> String {
        if self.port == 80 {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Loopback, or a name without dots: the only hosts that may be spoken to without TLS.
    pub(crate) fn is_local(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self
                .host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
            || self.host.to_ascii_lowercase().ends_with(".localhost")
            || !self.host.contains('.')
    }
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) reason: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waits {
    /// For `100 Continue`.
    pub(crate) expect: Duration,
    /// For the whole call.
    pub(crate) call: Duration,
}

/// One kept connection.
#[derive(Debug)]
pub(crate) struct Connection {
    url: Url,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(url: Url) -> Self {
        Self {
            url,
            stream: None,
            buffer: Vec::new(),
        }
    }

    async fn open(&mut self) -> Result<&mut TcpStream, HttpError> {
        if self.url.secure || !self.url.is_local() {
            return Err(HttpError::Url(self.url.host.clone()));
        }
        if self.stream.is_none() {
            let connected = TcpStream::connect((self.url.host.as_str(), self.url.port))
                .await
                .map_err(|e| HttpError::Connect(e.to_string()))?;
            connected
                .set_nodelay(true)
                .map_err(|e| HttpError::Connect(e.to_string()))?;
            self.stream = Some(connected);
            self.buffer.clear();
        }
        self.stream
            .as_mut()
            .ok_or_else(|| HttpError::Closed("not connected".to_owned()))
    }

    /// A GET, as QBWC makes when an application is added.
    pub(crate) async fn get(&mut self, waits: Waits) -> Result<Answer, HttpError> {
        let head = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Keep-Alive\r\n\r\n",
            self.url.path,
            self.url.host_header()
        );
        timeout(waits.call, async {
            self.write(head.as_bytes()).await?;
            self.read_answer().await
        })
        .await
        .unwrap_or(Err(HttpError::TimedOut))
    }

    /// A SOAP call. `unread` cuts the connection before the answer is read, once the service had the body.
    pub(crate) async fn post(
        &mut self,
        action: &str,
        body: &str,
        waits: Waits,
        unread: bool,
    ) -> Result<Answer, HttpError> {
        let first = self.stream.is_none();
        let result = timeout(waits.call, self.exchange(action, body, first, waits, unread)).await;
        let result = result.unwrap_or(Err(HttpError::TimedOut));
        if result.is_err()
            || result.as_ref().is_ok_and(|a| {
                a.header("connection")
                    .is_some_and(|c| c.eq_ignore_ascii_case("close"))
            })
        {
            self.stream = None;
        }
        result
    }

    async fn exchange(
        &mut self,
        action: &str,
        body: &str,
        first: bool,
        waits: Waits,
        unread: bool,
    ) -> Result<Answer, HttpError> {
        let mut head = format!(
            "POST {} HTTP/1.1\r\nUser-Agent: Mozilla/4.0 (compatible; MSIE 6.0; MS Web Services Client Protocol 4.0.30319.42000)\r\nContent-Type: text/xml; charset=utf-8\r\nSOAPAction: \"{action}\"\r\nHost: {}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n",
            self.url.path,
            self.url.host_header(),
            body.len()
        );
        if first {
            head.push_str("Connection: Keep-Alive\r\n");
        }
        head.push_str("\r\n");
        self.write(head.as_bytes()).await?;
        // Wait for 100 Continue, but not for ever. A final answer may come instead.
        let early = match timeout(waits.expect, self.read_head()).await {
            Err(_) => None,
            Ok(Err(e)) => return Err(e),
            Ok(Ok(answer)) if answer.status == 100 => None,
            Ok(Ok(answer)) => Some(answer),
        };
        if let Some(answer) = early {
            let answer = self.read_body(answer).await;
            self.stream = None;
            return answer;
        }
        self.write(body.as_bytes()).await?;
        if unread {
            // The service has the call: let it answer, and look away.
            self.read_answer().await?;
            self.stream = None;
            return Err(HttpError::Closed(
                "the connector died before it read the answer".to_owned(),
            ));
        }
        self.read_answer().await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), HttpError> {
        let stream = self.open().await?;
        stream
            .write_all(bytes)
            .await
            .map_err(|e| HttpError::Closed(e.to_string()))?;
        stream.flush().await.map_err(|e| HttpError::Closed(e.to_string()))
    }

    async fn fill(&mut self) -> Result<(), HttpError> {
        let Some(stream) = self.stream.as_mut() else {
            return Err(HttpError::Closed("not connected".to_owned()));
        };
        let read = stream
            .read_buf(&mut self.buffer)
            .await
            .map_err(|e| HttpError::Closed(e.to_string()))?;
        if read == 0 {
            return Err(HttpError::Closed(
                "A connection that was expected to be kept alive was closed by the server.".to_owned(),
            ));
        }
        Ok(())
    }

    async fn read_answer(&mut self) -> Result<Answer, HttpError> {
        loop {
            let head = self.read_head().await?;
            if head.status != 100 {
                return self.read_body(head).await;
            }
        }
    }

    async fn read_head(&mut self) -> Result<Answer, HttpError> {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at;
            }
            if self.buffer.len() > 64 * 1024 {
                return Err(HttpError::Protocol("the header is too long".to_owned()));
            }
            self.fill().await?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        self.buffer.drain(..end + 4);
        let mut lines = head.split("\r\n");
        let mut status = lines.next().unwrap_or_default().splitn(3, ' ');
        let version = status.next().unwrap_or_default();
        if !version.starts_with("HTTP/1.") {
            return Err(HttpError::Protocol("not HTTP/1.1".to_owned()));
        }
        let code = status.next().and_then(|s| s.parse().ok());
        Ok(Answer {
            status: code.ok_or_else(|| HttpError::Protocol("no status code".to_owned()))?,
            reason: status.next().unwrap_or_default().to_owned(),
            headers: lines
                .filter_map(|l| l.split_once(':'))
                .map(|(n, v)| (n.trim().to_ascii_lowercase(), v.trim().to_owned()))
                .collect(),
            body: Vec::new(),
        })
    }

    async fn take(&mut self, length: usize) -> Result<Vec<u8>, HttpError> {
        while self.buffer.len() < length {
            self.fill().await?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    async fn read_line(&mut self) -> Result<String, HttpError> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|w| w == b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffer[..at]).into_owned();
                self.buffer.drain(..at + 2);
                return Ok(line);
            }
            self.fill().await?;
        }
    }

    async fn read_body(&mut self, mut answer: Answer) -> Result<Answer, HttpError> {
        if answer
            .header("transfer-encoding")
            .is_some_and(|t| t.to_ascii_lowercase().contains("chunked"))
        {
            loop {
                let line = self.read_line().await?;
                let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)
                    .map_err(|_| HttpError::Protocol("a bad chunk".to_owned()))?;
                if size == 0 {
                    while !self.read_line().await?.is_empty() {}
                    break;
                }
                let chunk = self.take(size).await?;
                answer.body.extend(chunk);
                self.take(2).await?;
            }
        } else if let Some(length) = answer.header("content-length") {
            let length = length
                .parse()
                .map_err(|_| HttpError::Protocol("a bad Content-Length".to_owned()))?;
            answer.body = self.take(length).await?;
        } else if answer.status != 204 && answer.status != 304 {
            while self.fill().await.is_ok() {}
            answer.body = std::mem::take(&mut self.buffer);
            self.stream = None;
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let url = Url::parse("http://localhost:7000/qbwc?x=1").unwrap();
        assert_eq!(
            (url.host.as_str(), url.port, url.path.as_str()),
            ("localhost", 7000, "/qbwc?x=1")
        );
        assert!(url.is_local() && !url.secure);
        assert!(Url::parse("https://example.com").unwrap().secure);
        assert!(!Url::parse("http://example.com/").unwrap().is_local());
        assert!(Url::parse("ftp://localhost/").is_none());
        assert!(Url::parse("http:///x").is_none());
    }
}
