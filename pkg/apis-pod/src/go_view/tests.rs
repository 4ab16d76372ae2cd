//! The internal form of specs.

use k8s_api::core::v1::{Container, EnvVar, PodSecurityContext, PodSpec};

use super::*;

fn spec() -> PodSpec {
    PodSpec {
        containers: vec![Container {
            name: "main".into(),
            ..Container::default()
        }],
        security_context: Some(Box::default()),
        host_network: true,
        ..PodSpec::default()
    }
}

#[test]
fn changed_members_stand_under_their_go_names() {
    let mut new = spec();
    new.containers[0].env.push(EnvVar {
        name: "A".into(),
        value: "<".into(),
        ..EnvVar::default()
    });
    let diff = diff_pod_specs(&spec(), &new);
    let body = diff.split_once("@@\n").expect("a hunk").1;
    let lines = [
        r#"    "WorkingDir": "","#,
        r#"    "Ports": null,"#,
        r#"    "EnvFrom": null,"#,
        r#"-   "Env": null,"#,
        r#"+   "Env": ["#,
        r"+    {",
        r#"+     "Name": "A","#,
        r#"+     "Value": "\u003c","#,
        r#"+     "ValueFrom": null"#,
        r"+    }",
        r"+   ],",
        r#"    "Resources": {"#,
        r#"     "Limits": null,"#,
        r#"     "Requests": null,"#,
        "",
    ];
    assert_eq!(body, lines.join("\n"));
}

#[test]
fn host_namespaces_belong_to_the_security_context() {
    let mut new = spec();
    new.security_context = Some(Box::new(PodSecurityContext {
        run_as_user: Some(1),
        ..PodSecurityContext::default()
    }));
    let diff = diff_pod_specs(&spec(), &new);
    assert!(
        diff.contains("-  \"RunAsUser\": null,\n+  \"RunAsUser\": 1,\n"),
        "{diff}"
    );
    let all = show(Some(&pod_value(spec())), "PodSpec", None);
    assert!(
        all.contains(
            r#""SecurityContext":{"HostNetwork":true,"HostPID":false,"HostIPC":false,"ShareProcessNamespace":null,"#
        ),
        "{all}"
    );
}

#[test]
fn every_type_of_a_spec_has_a_row() {
    fn visit(ty: TypeRef<'_>, seen: &mut Vec<String>) {
        match ty.get() {
            Type::Struct(structure) => {
                let name = structure.name.rsplit('.').next().unwrap_or_default().to_owned();
                if name == "ObjectMeta" || seen.contains(&name) {
                    return;
                }
                seen.push(name.clone());
                if let Row::Internal(members) = table::row(&name) {
                    let known = |json: &str| members.iter().any(|(_, name)| name == json);
                    for field in structure.fields.iter() {
                        let elsewhere = name == "PodSpec"
                            && (HOST_MEMBERS.contains(&field.name.as_ref()) || field.name == "serviceAccount");
                        assert!(known(&field.name) || elsewhere, "{name}.{}", field.name);
                    }
                }
                for field in structure.fields.iter() {
                    visit(ty.at(field.ty), seen);
                }
            }
            Type::List(list) => visit(ty.at(list.element), seen),
            Type::Map(map) => visit(ty.at(map.value), seen),
            Type::Scalar(_) => {}
        }
    }
    let mut seen = Vec::new();
    visit(type_of("PodSpec"), &mut seen);
    assert!(seen.len() > 90, "{seen:?}");
}
