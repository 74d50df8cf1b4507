//! Ops on work lists in a line each.

use crate::dataflow::{Deal, Work};

use super::role::Names;

/// `deal of 7 tiles in 3 columns, part core_column of 2 -> work (groups in group, rows in filled)`
pub(super) fn text(names: Names<'_>, op: &Work) -> String {
    match op {
        Work::Fetch { table, into } => {
            format!("fetch {} -> {} 0", names.buffer(*table), names.ring(*into))
        }
        Work::Deal(deal) => {
            let Deal { groups, filled, tiles, most_groups: _, columns, core, cores, into } = deal;
            let into: Vec<_> = into.iter().map(|&ring| names.ring(ring)).collect();
            let filled =
                filled.map_or(String::new(), |ring| format!(", rows in {}", names.ring(ring)));
            format!(
                "deal of {tiles} tiles in {columns} columns, part {core} of {cores} -> {} \
                 (groups in {}{filled})",
                into.join(" and "),
                names.ring(*groups)
            )
        }
    }
}
