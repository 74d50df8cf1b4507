//! What tilec knows about chips, as data.
//!
//! `chips/*.toml` holds one table per chip and `settings.toml` the settings that
//! a tile block may hold, per family of chips. Both are embedded, so that the
//! compiler reads no file, and versioned by `format`.
//!
//! ```
//! let h200 = tilec_target::chip("h200").expect("it has a table");
//! assert_eq!(h200.family(), tilec_target::Family::Hopper);
//! ```
//!
//! Nothing here decides anything: the passes do, from these numbers.

mod chip;
mod describe;
pub mod measured;
mod setting;

pub use chip::{Chip, Cuda, Family, Machine, Memory, Peak, Tensix, chip, chips};
pub use describe::{describe, describe_all};
pub use setting::{
    Accepts, Integers, Refusal, RefusalKind, Scope, Setting, Value, check_setting, settings,
};
