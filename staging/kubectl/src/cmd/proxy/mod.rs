//! `kubectl proxy`: the API, and files if asked for, on a local port without credentials.

mod files;
mod filter;
mod forward;

use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use cli_runtime::{Result, message};

use crate::frame::{Arguments, Command, Context, Group, Run};
use filter::Filter;
use forward::Server;

/// The command.
pub static COMMAND: Command = Command {
    name: "proxy",
    usage: "[--port=PORT] [--www=static-dir] [--www-prefix=prefix] [--api-prefix=prefix]",
    short: "Run a proxy to the Kubernetes API server",
    long: "Creates a proxy server or application-level gateway between localhost and the Kubernetes API server. It also allows serving static content over specified HTTP path. All incoming data enters through one port and gets forwarded to the remote Kubernetes API server port, except for the path matching the static content path.",
    examples: "# The whole API and nothing else
kubectl proxy --api-prefix=/

# A part of the API, and files: 'curl localhost:8001/api/v1/pods' lists pods
kubectl proxy --www=/my/files --www-prefix=/static/ --api-prefix=/api/

# The whole API below another path: 'curl localhost:8001/custom/api/v1/pods'
kubectl proxy --api-prefix=/custom/

# On port 8011, with the files of ./local/www/
kubectl proxy --port=8011 --www=./local/www/

# On any free port, which is printed
kubectl proxy --port=0",
    group: Group::Troubleshooting,
    options: Some(|| Box::new(Proxy::default())),
    ..Command::EMPTY
};

const DEFAULT_PORT: i64 = 8001;

struct Proxy {
    www: String,
    www_prefix: String,
    api_prefix: String,
    accept_paths: String,
    reject_paths: String,
    accept_hosts: String,
    reject_methods: String,
    port: i64,
    address: String,
    disable_filter: bool,
    unix_socket: String,
    keepalive: GoDuration,
    append_server_path: bool,
}

impl Default for Proxy {
    fn default() -> Self {
        Self {
            www: String::new(),
            www_prefix: "/static/".to_owned(),
            api_prefix: "/".to_owned(),
            accept_paths: "^.*".to_owned(),
            reject_paths: "^/api/.*/pods/.*/exec,^/api/.*/pods/.*/attach".to_owned(),
            accept_hosts: r"^localhost$,^127\.0\.0\.1$,^\[::1\]$".to_owned(),
            reject_methods: "^$".to_owned(),
            port: DEFAULT_PORT,
            address: "127.0.0.1".to_owned(),
            disable_filter: false,
            unix_socket: String::new(),
            keepalive: GoDuration::ZERO,
            append_server_path: false,
        }
    }
}

impl Flags for Proxy {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .add(
                "www",
                &mut self.www,
                "Also serve static files from the given directory under the specified prefix.",
            )
            .shorthand('w');
        flags
            .add(
                "www-prefix",
                &mut self.www_prefix,
                "Prefix to serve static files under, if static file directory is specified.",
            )
            .shorthand('P');
        flags.add(
            "api-prefix",
            &mut self.api_prefix,
            "Prefix to serve the proxied API under.",
        );
        flags.add(
            "accept-paths",
            &mut self.accept_paths,
            "Regular expression for paths that the proxy should accept.",
        );
        flags.add("reject-paths", &mut self.reject_paths, "Regular expression for paths that the proxy should reject. Paths specified here will be rejected even accepted by --accept-paths.");
        flags.add(
            "accept-hosts",
            &mut self.accept_hosts,
            "Regular expression for hosts that the proxy should accept.",
        );
        flags.add("reject-methods", &mut self.reject_methods, "Regular expression for HTTP methods that the proxy should reject (example --reject-methods='POST,PUT,PATCH'). ");
        flags
            .add(
                "port",
                &mut self.port,
                "The port on which to run the proxy. Set to 0 to pick a random port.",
            )
            .shorthand('p');
        flags.add("address", &mut self.address, "The IP address on which to serve on.");
        flags.add("disable-filter", &mut self.disable_filter, "If true, disable request filtering in the proxy. This is dangerous, and can leave you vulnerable to XSRF attacks, when used with an accessible port.");
        flags
            .add(
                "unix-socket",
                &mut self.unix_socket,
                "Unix socket on which to run the proxy.",
            )
            .shorthand('u');
        flags.add("keepalive", &mut self.keepalive, "keepalive specifies the keep-alive period for an active network connection. Set to 0 to disable keepalive.");
        flags.add(
            "append-server-path",
            &mut self.append_server_path,
            "If true, enables automatic path appending of the kube context server path to each request.",
        );
    }
}

/// A prefix always ends with a slash.
fn with_slash(prefix: &str) -> String {
    if prefix.ends_with('/') {
        prefix.to_owned()
    } else {
        format!("{prefix}/")
    }
}

impl Proxy {
    fn server(&self, context: &Context) -> Result<Server> {
        let filter = if self.disable_filter {
            if self.unix_socket.is_empty() {
                context
                    .streams
                    .err
                    .print("Request filter disabled, your proxy is vulnerable to XSRF attacks, please be cautious\n")?;
            }
            None
        } else {
            Some(Filter::new(
                &self.accept_paths,
                &self.reject_paths,
                &self.accept_hosts,
                &self.reject_methods,
            )?)
        };
        let client = context.factory.client()?;
        let base = url::Url::parse(client.base_url()).map_err(|error| message!("{error}"))?;
        let path = base.path().trim_end_matches('/').to_owned();
        if !path.is_empty() && !self.append_server_path {
            context.streams.err.print(format!(
                "Your kube context contains a server path {path}, use --append-server-path to automatically append the path to each request\n"
            ))?;
        }
        if !self.www.is_empty() && !std::path::Path::new(&self.www).is_dir() {
            context
                .streams
                .err
                .print(format!("Static file directory {} is not a directory\n", self.www))?;
        }
        let authority = base.authority().to_owned();
        Ok(Server {
            client,
            authority,
            server_path: if self.append_server_path { path } else { String::new() },
            filter,
            api_prefix: with_slash(&self.api_prefix),
            files: (!self.www.is_empty()).then(|| (with_slash(&self.www_prefix), PathBuf::from(&self.www))),
        })
    }

    async fn serve_tcp(&self, context: &Context, server: Arc<Server>) -> Result<()> {
        let port = u16::try_from(self.port).map_err(|_| message!("listen tcp: address {}: invalid port", self.port))?;
        let address = format!("{}:{port}", self.address);
        let listener = TcpListener::bind(&address).await.map_err(|error| {
            let why = match error.kind() {
                std::io::ErrorKind::AddrInUse => "bind: address already in use".to_owned(),
                std::io::ErrorKind::PermissionDenied => "bind: permission denied".to_owned(),
                _ => error.to_string(),
            };
            message!("listen tcp {address}: {why}")
        })?;
        let bound: SocketAddr = listener.local_addr()?;
        context.streams.out.print(format!("Starting to serve on {bound}\n"))?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            connection(server.clone(), stream);
        }
    }

    async fn serve_unix(&self, context: &Context, server: Arc<Server>) -> Result<()> {
        let path = std::path::Path::new(&self.unix_socket);
        // A socket that is left over is replaced; anything else stays and is an error.
        if path
            .symlink_metadata()
            .is_ok_and(|metadata| metadata.file_type().is_socket())
        {
            std::fs::remove_file(path)?;
        }
        let listener =
            UnixListener::bind(path).map_err(|error| message!("listen unix {}: {error}", self.unix_socket))?;
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(path, private)?;
        context
            .streams
            .out
            .print(format!("Starting to serve on {}\n", self.unix_socket))?;
        loop {
            let (stream, _) = listener.accept().await?;
            connection(server.clone(), stream);
        }
    }
}

fn connection(server: Arc<Server>, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
    let service = service_fn(move |request| {
        let server = server.clone();
        async move { Ok::<_, std::convert::Infallible>(server.answer(request).await) }
    });
    tokio::spawn(async move {
        // A client that goes away ends its own connection; there is nobody to tell.
        let _ = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
            .await;
    });
}

#[async_trait(?Send)]
impl Run for Proxy {
    async fn run(&mut self, context: &Context, _arguments: &Arguments) -> Result<()> {
        let server = Arc::new(self.server(context)?);
        if self.port != DEFAULT_PORT && !self.unix_socket.is_empty() {
            return Err(message!("cannot set --unix-socket and --port at the same time"));
        }
        if self.unix_socket.is_empty() {
            self.serve_tcp(context, server).await
        } else {
            self.serve_unix(context, server).await
        }
    }
}
