//! Reads the addresses of upstream resolvers from a `resolv.conf`.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// Why there are no upstream resolvers.
#[derive(Debug, thiserror::Error)]
pub enum ResolvConfError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Its path.
        path: String,
        /// Cause.
        source: std::io::Error,
    },
}

/// The name servers of a file, in order. Lines that cannot be understood are skipped, as resolvers do; scoped IPv6
/// addresses lose their scope only when it is empty.
///
/// # Errors
/// When the file cannot be read.
pub fn name_servers(path: &Path) -> Result<Vec<SocketAddr>, ResolvConfError> {
    let text = std::fs::read_to_string(path).map_err(|source| ResolvConfError::Read {
        path: path.display().to_string(),
        source,
    })?;
    Ok(parse(&text))
}

fn parse(text: &str) -> Vec<SocketAddr> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some("nameserver")).then(|| words.next()).flatten()
        })
        .filter_map(|word| match word.parse::<IpAddr>() {
            Ok(ip) => Some(SocketAddr::new(ip, 53)),
            Err(_) => {
                tracing::warn!(nameserver = word, "skipping a name server that is no IP address");
                None
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let text = "# comment\nsearch a b\nnameserver 10.0.0.53\nnameserver\nnameserver  fd00::53 # x\nnameserver bad\noptions ndots:5\n";
        assert_eq!(
            parse(text),
            [
                "10.0.0.53:53".parse().unwrap(),
                "[fd00::53]:53".parse::<SocketAddr>().unwrap()
            ]
        );
        let error = name_servers(Path::new("/nonexistent/resolv.conf")).expect_err("no such file");
        assert_eq!(error.to_string(), "cannot read /nonexistent/resolv.conf");
    }
}
