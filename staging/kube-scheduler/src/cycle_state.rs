//! What plugins keep during one scheduling cycle, by type.
//!
//! A plugin's state is a type of its own, so that no plugin reads another's by accident and nothing is cast. There are a
//! handful of states in a cycle; they are found by going through them.

use std::any::{Any, TypeId};

use smallvec::SmallVec;

use crate::fit_error::PluginSet;

/// A plugin's state. Preemption tries things out on clones.
pub trait StateData: Any + Send + Sync {
    /// A copy that can be changed without changing this one.
    fn clone_state(&self) -> Box<dyn StateData>;
}

impl<T: Any + Clone + Send + Sync> StateData for T {
    fn clone_state(&self) -> Box<dyn StateData> {
        Box::new(self.clone())
    }
}

/// The states of one cycle.
#[derive(Default)]
pub struct CycleState {
    states: SmallVec<[(TypeId, Box<dyn StateData>); 8]>,
    /// Plugins whose Filter has nothing to do in this cycle.
    pub skip_filter: PluginSet,
    /// Plugins whose Score has nothing to do in this cycle.
    pub skip_score: PluginSet,
    /// Plugins whose PreBind has nothing to do in this cycle.
    pub skip_pre_bind: PluginSet,
    /// Whether the duration of single plugins is measured in this cycle.
    pub measure_plugins: bool,
}

impl CycleState {
    /// The state of type `T`.
    #[must_use]
    pub fn get<T: StateData>(&self) -> Option<&T> {
        let id = TypeId::of::<T>();
        let (_, state) = self.states.iter().find(|(other, _)| *other == id)?;
        (&**state as &dyn Any).downcast_ref()
    }

    /// The state of type `T`, to be changed.
    #[must_use]
    pub fn get_mut<T: StateData>(&mut self) -> Option<&mut T> {
        let id = TypeId::of::<T>();
        let (_, state) = self.states.iter_mut().find(|(other, _)| *other == id)?;
        (&mut **state as &mut dyn Any).downcast_mut()
    }

    /// Keeps a state, in place of the former one of its type.
    pub fn insert<T: StateData>(&mut self, state: T) {
        match self.get_mut::<T>() {
            Some(present) => *present = state,
            None => self.states.push((TypeId::of::<T>(), Box::new(state))),
        }
    }
}

impl Clone for CycleState {
    fn clone(&self) -> Self {
        Self {
            states: self
                .states
                .iter()
                .map(|(id, state)| (*id, (**state).clone_state()))
                .collect(),
            skip_filter: self.skip_filter.clone(),
            skip_score: self.skip_score.clone(),
            skip_pre_bind: self.skip_pre_bind.clone(),
            measure_plugins: self.measure_plugins,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct A(i32);
    #[derive(Clone, Debug, PartialEq)]
    struct B(&'static str);

    #[test]
    fn states_are_apart_by_type_and_clones_are_apart() {
        let mut state = CycleState::default();
        assert_eq!(state.get::<A>(), None);
        state.insert(A(1));
        state.insert(B("b"));
        state.insert(A(2));
        let mut copy = state.clone();
        copy.get_mut::<A>().unwrap().0 = 3;
        assert_eq!(state.get::<A>(), Some(&A(2)));
        assert_eq!(copy.get::<A>(), Some(&A(3)));
        assert_eq!(copy.get::<B>(), Some(&B("b")));
    }
}
