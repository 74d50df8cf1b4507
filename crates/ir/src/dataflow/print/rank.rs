//! Ops on lists in a line each; `best 0/1` is list 1 from page 0 of ring `best` on.

use crate::dataflow::{Key, KeyKind, List, Places, Rank};
use crate::tensor::Order;

use super::role::Names;

/// `offer keys 0 row 3, 32 columns from 64 -> best 0/1 (32-bit float, largest first)`
pub(super) fn text(names: Names<'_>, op: &Rank) -> String {
    match op {
        Rank::Clear(list) => format!("clear {} of {} places", list_text(names, list), list.places),
        Rank::Offer { keys, at, row, columns, first, key, list } => format!(
            "offer {} {at} row {row}, {columns} columns from {first} -> {} ({})",
            names.ring(*keys),
            list_text(names, list),
            key_text(*key)
        ),
        Rank::Merge { from, into } => {
            format!("merge {} -> {}", list_text(names, from), list_text(names, into))
        }
        Rank::Sort(list) => format!("sort {}", list_text(names, list)),
        Rank::Indices { places, row, into } => {
            format!(
                "indices of {} -> {} 0 row {row}",
                places_text(names, places),
                names.ring(*into)
            )
        }
        Rank::Fetch { places, buffer, page, row, into } => format!(
            "fetch {} of {}[{page} ..] row {row} -> {}",
            places_text(names, places),
            names.buffer(*buffer),
            names.ring(*into)
        ),
        Rank::Values { places, row, from, into } => format!(
            "values of {} in {} -> {} 0 row {row}",
            places_text(names, places),
            names.ring(*from),
            names.ring(*into)
        ),
    }
}

fn list_text(names: Names<'_>, list: &List) -> String {
    format!("{} {}/{}", names.ring(list.ring), list.page, list.slot)
}

fn places_text(names: Names<'_>, places: &Places) -> String {
    let list = list_text(names, &places.list);
    format!("{list} from {}, {} of them", places.first, places.count)
}

fn key_text(key: Key) -> String {
    let kind = match key.kind {
        KeyKind::Float { .. } => "float",
        KeyKind::Signed => "integer",
        KeyKind::Unsigned => "unsigned integer",
    };
    let order = match key.order {
        Order::Ascending => "smallest",
        Order::Descending => "largest",
    };
    format!("{}-bit {kind}, {order} first", key.bits)
}
