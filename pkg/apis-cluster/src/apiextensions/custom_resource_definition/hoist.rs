//! What all versions share, taken out of them.

use k8s_api::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinitionSpec, CustomResourceDefinitionVersion,
    CustomResourceSubresources, CustomResourceValidation, JSONSchemaProps, SelectableField,
};

/// The members that stand at the top if all versions have them alike, or in one version.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parts<'a> {
    pub(super) schema: Option<&'a CustomResourceValidation>,
    pub(super) subresources: Option<&'a CustomResourceSubresources>,
    pub(super) columns: &'a [CustomResourceColumnDefinition],
    pub(super) selectable: &'a [SelectableField],
}

impl<'a> Parts<'a> {
    pub(super) fn open_api(&self) -> Option<&'a JSONSchemaProps> {
        self.schema.and_then(|schema| schema.open_apiv3_schema.as_deref())
    }

    pub(super) fn has_status(&self) -> bool {
        self.subresources
            .is_some_and(|subresources| subresources.status.is_some())
    }
}

/// A spec in upstream's internal form.
#[derive(Debug)]
pub(super) struct Hoisted<'a> {
    pub(super) top: Parts<'a>,
    pub(super) versions: Vec<(&'a CustomResourceDefinitionVersion, Parts<'a>)>,
}

impl<'a> Hoisted<'a> {
    pub(super) fn of(spec: &'a CustomResourceDefinitionSpec) -> Self {
        let Some(first) = spec.versions.first() else {
            return Self {
                top: Parts::default(),
                versions: Vec::new(),
            };
        };
        let same = |alike: fn(&CustomResourceDefinitionVersion, &CustomResourceDefinitionVersion) -> bool| {
            spec.versions.iter().all(|version| alike(version, first))
        };
        let (schema, subresources) = (
            same(|a, b| a.schema == b.schema),
            same(|a, b| a.subresources == b.subresources),
        );
        let columns = same(|a, b| a.additional_printer_columns == b.additional_printer_columns);
        let selectable = same(|a, b| a.selectable_fields == b.selectable_fields);
        // Takes those members whose place is asked for.
        let parts = |version: &'a CustomResourceDefinitionVersion, top: bool| Parts {
            schema: version.schema.as_deref().filter(|_| schema == top),
            subresources: version.subresources.as_deref().filter(|_| subresources == top),
            columns: if columns == top {
                &version.additional_printer_columns
            } else {
                &[]
            },
            selectable: if selectable == top {
                &version.selectable_fields
            } else {
                &[]
            },
        };
        Self {
            top: parts(first, true),
            versions: spec
                .versions
                .iter()
                .map(|version| (version, parts(version, false)))
                .collect(),
        }
    }
}
