//! A small kind for tests: `Widget`, with every sort of list, map and strategy.

use std::borrow::Cow;
use std::sync::LazyLock;

use k8s_api::reflect::{
    Field, ListTopology, ListType, MapType, PatchStrategy, Scalar, Schema, StructType, Type, TypeId, TypeRef,
};

#[derive(Default)]
struct Builder(Vec<Type>);

fn field(name: &'static str, ty: TypeId) -> Field {
    Field {
        name: name.into(),
        ty,
        pointer: false,
        required: false,
        keep_empty_struct: false,
        schema_required: false,
        patch_strategy: PatchStrategy::None,
        patch_merge_key: "".into(),
        default: "".into(),
        proto: Cow::Borrowed(&[]),
    }
}

fn patched(name: &'static str, ty: TypeId, patch_strategy: PatchStrategy, key: &'static str) -> Field {
    Field {
        patch_strategy,
        patch_merge_key: key.into(),
        ..field(name, ty)
    }
}

fn by_value(name: &'static str, ty: TypeId) -> Field {
    Field {
        keep_empty_struct: true,
        ..field(name, ty)
    }
}

fn required(name: &'static str, ty: TypeId) -> Field {
    Field {
        required: true,
        ..field(name, ty)
    }
}

impl Builder {
    fn add(&mut self, ty: Type) -> TypeId {
        self.0.push(ty);
        TypeId(u32::try_from(self.0.len() - 1).unwrap())
    }

    fn scalar(&mut self, scalar: Scalar) -> TypeId {
        self.add(Type::Scalar(scalar))
    }

    fn object(&mut self, name: &'static str, mut fields: Vec<Field>) -> TypeId {
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        self.add(Type::Struct(StructType {
            name: name.into(),
            fields: fields.into(),
            additional: None,
            atomic: name.ends_with("Selector"),
        }))
    }

    fn list(&mut self, element: TypeId, topology: ListTopology, keys: &'static [&'static str]) -> TypeId {
        let keys: Vec<Cow<'static, str>> = keys.iter().map(|k| Cow::Borrowed(*k)).collect();
        self.add(Type::List(ListType {
            element,
            topology,
            keys: keys.into(),
            wrapped: false,
        }))
    }

    fn map(&mut self, value: TypeId) -> TypeId {
        self.add(Type::Map(MapType { value, atomic: false }))
    }
}

fn build() -> (Schema, TypeId) {
    let mut b = Builder::default();
    let text = b.scalar(Scalar::String);
    let int = b.scalar(Scalar::Int32);
    let boolean = b.scalar(Scalar::Bool);
    let time = b.scalar(Scalar::Time);
    let any = b.scalar(Scalar::Any);
    let fields = b.scalar(Scalar::FieldsV1);
    let text_map = b.map(text);
    let text_set = b.list(text, ListTopology::Set, &[]);
    let text_list = b.list(text, ListTopology::Atomic, &[]);
    let owner = b.object("t.Owner", vec![field("uid", text), field("controller", boolean)]);
    let owners = b.list(owner, ListTopology::Map, &["uid"]);
    let entry = ["manager", "operation", "apiVersion", "fieldsType", "subresource"].map(|n| field(n, text));
    let entry = entry
        .into_iter()
        .chain([field("time", time), field("fieldsV1", fields)])
        .collect();
    let entry = b.object("t.ManagedFieldsEntry", entry);
    let entries = b.list(entry, ListTopology::Atomic, &[]);
    let mut meta: Vec<_> = ["name", "namespace", "uid", "resourceVersion"]
        .into_iter()
        .map(|n| field(n, text))
        .collect();
    meta.extend([
        field("labels", text_map),
        field("annotations", text_map),
        field("generation", int),
        patched("finalizers", text_set, PatchStrategy::Merge, ""),
        patched("ownerReferences", owners, PatchStrategy::Merge, "uid"),
        field("managedFields", entries),
    ]);
    let meta = b.object("t.ObjectMeta", meta);

    let env = b.object("t.EnvVar", vec![required("name", text), field("value", text)]);
    let envs = b.list(env, ListTopology::Map, &["name"]);
    let protocol = Field {
        default: "\"TCP\"".into(),
        ..field("protocol", text)
    };
    let port = b.object(
        "t.Port",
        vec![required("containerPort", int), protocol, field("name", text)],
    );
    let ports = b.list(port, ListTopology::Map, &["containerPort", "protocol"]);
    let container = b.object(
        "t.Container",
        vec![
            required("name", text),
            field("image", text),
            field("args", text_list),
            patched("env", envs, PatchStrategy::Merge, "name"),
            patched("ports", ports, PatchStrategy::Merge, "containerPort"),
        ],
    );
    let containers = b.list(container, ListTopology::Map, &["name"]);
    let empty_dir = b.object("t.EmptyDir", vec![field("medium", text)]);
    let host_path = b.object("t.HostPath", vec![field("path", text)]);
    let volume = b.object(
        "t.Volume",
        vec![
            required("name", text),
            field("emptyDir", empty_dir),
            field("hostPath", host_path),
        ],
    );
    let volumes = b.list(volume, ListTopology::Map, &["name"]);
    let selector = b.object("t.Selector", vec![field("matchLabels", text_map)]);
    let rolling = b.object("t.RollingUpdate", vec![field("maxSurge", int)]);
    let strategy = b.object("t.Strategy", vec![field("type", text), field("rollingUpdate", rolling)]);
    let lists = b.list(text_list, ListTopology::Atomic, &[]);
    let spec = b.object(
        "t.WidgetSpec",
        vec![
            Field {
                pointer: true,
                ..field("replicas", int)
            },
            field("selector", selector),
            Field {
                keep_empty_struct: true,
                ..patched("strategy", strategy, PatchStrategy::RetainKeys, "")
            },
            Field {
                required: true,
                ..patched("containers", containers, PatchStrategy::Merge, "name")
            },
            patched("volumes", volumes, PatchStrategy::MergeRetainKeys, "name"),
            patched("whole", strategy, PatchStrategy::Replace, ""),
            field("config", any),
            field("paused", boolean),
            field("matrix", lists),
        ],
    );
    let status = b.object("t.WidgetStatus", vec![field("phase", text), field("ready", int)]);
    let widget = b.object(
        "t.Widget",
        vec![
            field("apiVersion", text),
            field("kind", text),
            by_value("metadata", meta),
            by_value("spec", spec),
            by_value("status", status),
            field("data", text_map),
        ],
    );
    (Schema { types: b.0.into() }, widget)
}

static SCHEMA: LazyLock<(Schema, TypeId)> = LazyLock::new(build);

/// The type `Widget`.
pub(crate) fn widget() -> TypeRef<'static> {
    SCHEMA.0.at(SCHEMA.1)
}

/// The type of the object field at this path of `Widget`.
pub(crate) fn widget_field(path: &[&str]) -> TypeRef<'static> {
    path.iter()
        .fold(widget(), |ty, name| ty.field(name).expect("the field exists"))
}
