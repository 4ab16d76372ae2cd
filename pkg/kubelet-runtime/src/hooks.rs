//! Lifecycle hooks.

use std::time::Duration;

use k8s_api::core::v1::{Container, LifecycleHandler, Pod};
use kubelet_prober::http_get;
use kubelet_types::pod::format_pod;

use crate::runtime::KubeRuntime;

/// An HTTP hook that does not answer is not waited for longer; the grace period is the other bound.
const HTTP_TIMEOUT: Duration = Duration::from_secs(3600);

impl KubeRuntime {
    /// Runs a hook to its end.
    pub(crate) async fn run_hook(
        &self,
        pod: &Pod,
        container: &Container,
        id: &str,
        ip: &str,
        handler: &LifecycleHandler,
    ) -> Result<(), String> {
        let place = || format!("for Container {:?} in Pod {:?} failed", container.name, format_pod(pod));
        if let Some(action) = &handler.exec {
            let command = &action.command;
            let shown = command.join(" ");
            let failed = |error: String, output: &str| {
                format!(
                    "Exec lifecycle hook ([{shown}]) {} - error: {error}, message: {output:?}",
                    place()
                )
            };
            let output = self.parts.runtime.exec_sync(id, command, Duration::ZERO).await;
            let output = output.map_err(|error| failed(error.to_string(), ""))?;
            let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.push_str(&String::from_utf8_lossy(&output.stderr));
            return output
                .check(command)
                .map(drop)
                .map_err(|error| failed(error.to_string(), &text));
        }
        if let Some(action) = &handler.http_get {
            let failed = |error: String| format!("HTTP lifecycle hook ({}) {} - error: {error}", action.path, place());
            let answer = http_get(action, container, ip, "lifecycle", HTTP_TIMEOUT).await;
            let answer = answer.map_err(|error| failed(error.to_string()))?;
            if answer.status.is_client_error() || answer.status.is_server_error() {
                return Err(failed(format!("HTTP status code {}", answer.status.as_u16())));
            }
            return Ok(());
        }
        if let Some(action) = &handler.sleep {
            tokio::time::sleep(Duration::from_secs(u64::try_from(action.seconds).unwrap_or_default())).await;
            return Ok(());
        }
        Err("Cannot run handler: invalid handler".to_owned())
    }
}
