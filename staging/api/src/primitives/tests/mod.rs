//! Tables and properties of the scalars.

mod quantity;
mod scalars;
