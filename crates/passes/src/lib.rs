//! Everything between the checked equations and the emitters.
//!
//! ```text
//! Kernel --specialize--> Kernel --normalize--> Canonical --recognize, fuse--> Plan
//! ```
//!
//! Passes take verified IR and give verified IR; none does I/O, and none knows
//! a vendor's API. What a pass needs and guarantees stands at its top.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a pass looks for a few shapes, and anything else stays as it is"
)]

pub mod allocate;
mod builder;
pub mod canonical;
pub mod compile;
mod counted;
mod dataflow;
mod emit;
mod flat;
mod fuse;
mod hoist;
mod join;
pub mod legalize;
pub mod normalize;
mod order;
pub mod products;
pub mod recognize;
mod route;
mod safe;
mod scope;
pub mod specialize;
mod sums;
pub mod tile;
mod translate;
pub mod tune;
mod ungroup;

pub use allocate::allocate;
pub use canonical::{Body, Canonical, Stated};
pub use compile::compile_plan;
pub use dataflow::{compile_dataflow, left_out};
pub use legalize::legalize;
pub use normalize::normalize;
pub use products::{Coefficient, Factor, Product};
pub use recognize::recognize;
pub use specialize::specialize;
pub use tile::tile;
pub use tune::{Settings, Tuned, tune};
