//! Everything between the checked equations and the emitters.
//!
//! ```text
//! Kernel --specialize--> Kernel --normalize--> Canonical
//! ```
//!
//! Passes take verified IR and give verified IR; none does I/O, and none knows
//! a vendor's API. What a pass needs and guarantees stands at its top.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a pass looks for a few shapes, and anything else stays as it is"
)]

mod builder;
pub mod canonical;
mod emit;
mod flat;
mod hoist;
pub mod normalize;
mod order;
pub mod products;
mod safe;
mod scope;
pub mod specialize;
mod sums;
mod translate;

pub use canonical::{Body, Canonical, Stated};
pub use normalize::normalize;
pub use products::{Coefficient, Factor, Product};
pub use specialize::specialize;
