//! Typed objects behind one object-safe trait, so that generic code is compiled once and not once a kind.

use std::{any::Any, fmt::Debug, sync::Arc};

use k8s_api::{
    HasMetadata,
    meta::v1::ObjectMeta,
    pick::{Paths, Picked},
    tree::Tree,
};
use serde_json::Value;

/// An object of some kind. Strategies and admission plugins downcast it.
pub trait AnyObject: Any + Debug + Send + Sync {
    /// The object's metadata.
    fn metadata(&self) -> &ObjectMeta;
    /// The object's metadata, to be changed in place.
    fn metadata_mut(&mut self) -> &mut ObjectMeta;
    /// `apiVersion` and `kind` of the concrete type.
    fn type_meta(&self) -> (&str, &str);
    /// The dynamic form, `apiVersion` and `kind` included.
    fn to_value(&self) -> Value;
    /// The dynamic form for reading, `apiVersion` and `kind` included.
    fn to_tree(&self) -> Tree {
        Tree::from(&self.to_value())
    }
    /// JSON text, `apiVersion` and `kind` included.
    fn to_json(&self) -> Vec<u8>;
    /// The scalars at these paths.
    fn pick(&self, paths: &Arc<Paths>) -> Picked;
    /// A copy behind a box.
    fn clone_boxed(&self) -> ObjectBox;
    /// Whether `other` has the same concrete type and value.
    fn equals(&self, other: &dyn AnyObject) -> bool;
    /// For downcasts.
    fn as_any(&self) -> &dyn Any;
    /// For downcasts.
    fn as_any_mut(&mut self) -> &mut dyn Any;
    /// For downcasts.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

/// An owned object of some kind.
pub type ObjectBox = Box<dyn AnyObject>;

impl<T: HasMetadata> AnyObject for T {
    fn metadata(&self) -> &ObjectMeta {
        HasMetadata::metadata(self)
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        HasMetadata::metadata_mut(self)
    }

    fn type_meta(&self) -> (&str, &str) {
        (T::API_VERSION, T::KIND)
    }

    fn to_value(&self) -> Value {
        k8s_api::Kind::to_value(self)
    }

    fn to_tree(&self) -> Tree {
        k8s_api::Kind::to_tree(self)
    }

    fn to_json(&self) -> Vec<u8> {
        k8s_api::Kind::to_json(self)
    }

    fn pick(&self, paths: &Arc<Paths>) -> Picked {
        k8s_api::Kind::pick(self, paths)
    }

    fn clone_boxed(&self) -> ObjectBox {
        Box::new(self.clone())
    }

    fn equals(&self, other: &dyn AnyObject) -> bool {
        other.as_any().downcast_ref::<T>().is_some_and(|other| other == self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

impl dyn AnyObject {
    /// The object as a `T`, if it is one.
    #[must_use]
    pub fn downcast_ref<T: Any>(&self) -> Option<&T> {
        self.as_any().downcast_ref()
    }

    /// The object as a `T` to be changed in place, if it is one.
    #[must_use]
    pub fn downcast_mut<T: Any>(&mut self) -> Option<&mut T> {
        self.as_any_mut().downcast_mut()
    }
}
