//! `MutatingAdmissionWebhook`: one webhook after the other changes the object.

use std::collections::HashSet;

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Operation, Plugin},
    registry::ObjectBox,
};
use apiserver_audit::Level;
use async_trait::async_trait;
use k8s_api::{admissionregistration::v1::MutatingWebhookConfiguration, primitives::quote};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    WebhookParts,
    call::{CallError, Outcome},
    hook::Hook,
    hooks::Hooks,
    matching::Invocation,
    review::{Answer, JSON_PATCH, decode_patch},
};

const NAME: &str = "MutatingAdmissionWebhook";
/// The most bytes that the `copy` operations of one patch may add.
const MAX_COPY_BYTES: usize = 3 << 20;
/// Prefixes of the audit annotations.
const PATCH: &str = "patch.webhook.admission.k8s.io/";
const MUTATION: &str = "mutation.webhook.admission.k8s.io/";

/// What the first round leaves for the second.
#[derive(Debug, Default)]
struct Rounds {
    /// Those that want to know of changes after them.
    asked: HashSet<String>,
    /// Those that are to be asked again.
    again: HashSet<String>,
    /// The object as the webhooks left it.
    left: Option<ObjectBox>,
}

impl Rounds {
    /// The object has changed: all that have been asked and want to know are asked again.
    fn changed(&mut self) {
        self.again.extend(self.asked.drain());
    }
}

/// The plugin `MutatingAdmissionWebhook`.
#[derive(Debug)]
pub struct MutatingAdmissionWebhook {
    hooks: Hooks<MutatingWebhookConfiguration>,
}

/// The place of a call: which round, which webhook of all.
#[derive(Clone, Copy)]
struct Place {
    round: u8,
    index: usize,
}

impl Place {
    fn key(self, prefix: &str) -> String {
        format!("{prefix}round_{}_index_{}", self.round, self.index)
    }
}

impl MutatingAdmissionWebhook {
    /// The plugin over the configurations that the directory has.
    #[must_use]
    pub fn new(parts: &WebhookParts) -> Self {
        Self {
            hooks: Hooks::new(parts),
        }
    }

    /// Asks one webhook and applies its patch. Returns whether the object has changed.
    async fn call(
        &self,
        hook: &Hook,
        invocation: &Invocation,
        attributes: &Attributes<'_>,
        object: Option<&mut ObjectBox>,
        place: Place,
    ) -> Result<bool, CallError> {
        let shown = object.as_deref().map(AsRef::as_ref);
        let answer = self.hooks.caller.ask(hook, invocation, attributes, shown).await?;
        apply(hook, invocation, attributes, object, &answer, place)
    }
}

/// Applies the patch of an answer, if there is one.
fn apply(
    hook: &Hook,
    invocation: &Invocation,
    attributes: &Attributes<'_>,
    object: Option<&mut ObjectBox>,
    answer: &Answer,
    place: Place,
) -> Result<bool, CallError> {
    let Some(text) = &answer.patch else { return Ok(false) };
    let internal = |error: &dyn std::fmt::Display| CallError::Request(StatusError::internal_error(error));
    let (patch, shown) = decode_patch(text).map_err(|error| CallError::Calling {
        reason: format!("received undecodable patch in webhook response: {error}"),
        code: 503,
    })?;
    if shown.as_array().is_none_or(Vec::is_empty) {
        return Ok(false);
    }
    let Some((object, codec)) = object.zip(invocation.codec(attributes)) else {
        let name = quote(&hook.name);
        return Err(internal(&format_args!(
            "admission webhook {name} attempted to modify the object, which is not supported for this operation"
        )));
    };
    if answer.patch_type != JSON_PATCH {
        return Err(CallError::Calling {
            reason: format!("unsupported patch type {}", quote(&answer.patch_type)),
            code: 400,
        });
    }
    let mut value = codec.encode(object.as_ref());
    patch
        .apply(&mut value, MAX_COPY_BYTES)
        .map_err(|error| internal(&error))?;
    let changed = codec.decode(value).map_err(|error| internal(&error))?;
    let before = &object.metadata().managed_fields;
    if changed.metadata().managed_fields != *before {
        attributes.reinvocation.keep_managers(before);
    }
    let differs = !changed.equals(object.as_ref());
    *object = changed;
    if attributes.request.audit.level() >= Level::Request {
        let note = json!({
            "configuration": hook.configuration,
            "webhook": hook.name,
            "patch": shown,
            "patchType": JSON_PATCH,
        });
        attributes.request.annotate(place.key(PATCH), note.to_string());
    }
    Ok(differs)
}

#[async_trait]
impl Plugin for MutatingAdmissionWebhook {
    fn name(&self) -> &'static str {
        NAME
    }

    fn handles(&self, _operation: Operation) -> bool {
        true
    }

    fn validates(&self) -> bool {
        false
    }

    async fn admit(&self, attributes: &Attributes<'_>, mut object: Option<&mut ObjectBox>) -> Result<(), StatusError> {
        let hooks = self.hooks.of(attributes).await;
        if hooks.is_empty() {
            return Ok(());
        }
        let rounds = &attributes.reinvocation;
        let second = rounds.is_second();
        if second {
            // Plugins of the server have changed what the webhooks left.
            rounds.kept(NAME, |rounds: &mut Rounds| {
                let same = match (&rounds.left, object.as_deref()) {
                    (Some(left), Some(object)) => left.equals(object.as_ref()),
                    (left, object) => left.is_none() && object.is_none(),
                };
                if !same {
                    rounds.changed();
                }
            });
        }
        for (index, hook) in hooks.iter().enumerate() {
            let shown = object.as_deref().map(AsRef::as_ref);
            let Some(invocation) = self.hooks.matcher.invocation(hook, attributes, shown).await? else {
                continue;
            };
            if second && !rounds.kept(NAME, |rounds: &mut Rounds| rounds.again.contains(&hook.uid)) {
                continue;
            }
            let place = Place {
                round: u8::from(second),
                index,
            };
            let begun = Instant::now();
            let result = self
                .call(hook, &invocation, attributes, object.as_deref_mut(), place)
                .await;
            attributes.request.add_waited(begun.elapsed());
            let changed = matches!(result, Ok(true));
            let note = json!({"configuration": hook.configuration, "webhook": hook.name, "mutated": changed});
            attributes.request.annotate(place.key(MUTATION), note.to_string());
            rounds.kept(NAME, |rounds: &mut Rounds| {
                if changed {
                    rounds.changed();
                }
                if hook.reinvoke {
                    rounds.asked.insert(hook.uid.clone());
                }
            });
            if changed {
                rounds.ask();
            }
            if let Outcome::FailedOpen = self.hooks.caller.judge(hook, attributes, begun, result)? {
                let key = place.key(&format!("failed-open.{MUTATION}"));
                attributes.request.annotate(key, hook.name.as_str());
            }
        }
        if !second {
            let left = object.map(|object| object.clone_boxed());
            rounds.kept(NAME, |rounds: &mut Rounds| rounds.left = left);
        }
        Ok(())
    }
}
