//! Wire facts that a derive could get wrong: numbers, irregular names, and what `Debug` must not show.

use prost::Message;

use super::*;

#[test]
fn every_call_has_its_own_path() {
    assert_eq!(Method::ALL.len(), 41);
    assert_eq!(
        Method::GetContainerEvents.path(),
        "/runtime.v1.RuntimeService/GetContainerEvents"
    );
    assert_eq!(GetEventsRequest::METHOD, Method::GetContainerEvents);
    assert_eq!(
        Method::from_path("/runtime.v1.ImageService/PullImage"),
        Some(Method::PullImage)
    );
    assert_eq!(Method::from_path("/runtime.v1.ImageService/Version"), None);
    let streams: Vec<_> = Method::ALL
        .iter()
        .filter(|m| m.is_streaming())
        .map(|m| m.name())
        .collect();
    assert_eq!(
        streams,
        [
            "StreamPodSandboxes",
            "StreamContainers",
            "StreamContainerStats",
            "StreamPodSandboxStats",
            "GetContainerEvents",
            "StreamPodSandboxMetrics",
            "StreamImages"
        ]
    );
}

#[test]
fn fields_stand_at_the_protocols_numbers() {
    let security = LinuxContainerSecurityContext {
        run_as_group: Some(Int64Value { value: 7 }),
        supplemental_groups: vec![1, 2],
        ..Default::default()
    };
    // 8 packed [1, 2]; 12 is a message holding 7.
    assert_eq!(security.encode_to_vec(), [0x42, 2, 1, 2, 0x62, 2, 0x08, 7]);
    let image = ImageSpec {
        image: "a".into(),
        user_specified_image: "b".into(),
        image_ref: "c".into(),
        ..Default::default()
    };
    assert_eq!(
        image.encode_to_vec(),
        [0x0a, 1, b'a', 0x92, 0x01, 1, b'b', 0xa2, 0x01, 1, b'c']
    );
    let config = ContainerConfig {
        cdi_devices: vec![CdiDevice { name: "d".into() }],
        stop_signal: Signal::Sigterm as i32,
        ..Default::default()
    };
    assert_eq!(config.encode_to_vec(), [0x8a, 0x01, 3, 0x0a, 1, b'd', 0x90, 0x01, 23]);
}

#[test]
fn values_carry_the_protocols_names() {
    assert_eq!(Signal::Sigrtminplus3.as_str_name(), "SIGRTMINPLUS3");
    assert_eq!(Signal::from_str_name("SIGRTMAXMINUS14"), Some(Signal::Sigrtmaxminus14));
    assert_eq!(Signal::Sigrtmax as i32, 65);
    assert_eq!(ContainerState::Exited.as_str_name(), "CONTAINER_EXITED");
    assert_eq!(PodSandboxState::NotReady.as_str_name(), "SANDBOX_NOTREADY");
    assert_eq!(ContainerState::from_str_name("EXITED"), None);
}

#[test]
fn an_unknown_value_survives() {
    let status = ContainerStatus {
        state: 9,
        ..Default::default()
    };
    let read = ContainerStatus::decode(status.encode_to_vec().as_slice()).expect("decodes");
    assert_eq!(read.state, 9);
}

#[test]
fn debug_shows_no_secret() {
    let auth = AuthConfig {
        username: "user".into(),
        password: "hush1".into(),
        auth: "hush2".into(),
        identity_token: "hush3".into(),
        registry_token: "hush4".into(),
        ..Default::default()
    };
    let request = PullImageRequest {
        auth: Some(auth),
        ..Default::default()
    };
    let text = format!("{request:?}");
    assert!(text.contains("user") && !text.contains("hush"), "{text}");
}
