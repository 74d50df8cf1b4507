//! The ops of the reader and the writer in a line each.

use crate::dataflow::{Area, Elements, Made, Move, Table};

use super::role::Names;
use super::{rank, work};

/// `read a[first + tile] -> a 0`
pub(super) fn text(names: Names<'_>, op: &Move) -> String {
    match op {
        Move::Read { buffer, page, into, at } => {
            format!("read {}[{page}] -> {} {at}", names.buffer(*buffer), names.ring(*into))
        }
        Move::ReadRows { buffer, page, first, rows, into, at } => {
            let (buffer, ring) = (names.buffer(*buffer), names.ring(*into));
            format!("read {rows} rows from {first} of {buffer}[{page}] -> {ring} {at}")
        }
        Move::WriteRows { buffer, page, first, rows, from } => {
            let (buffer, ring) = (names.buffer(*buffer), names.ring(*from));
            format!("write {rows} rows from {first} of {ring} 0 -> {buffer}[{page}]")
        }
        Move::Deliver { from, into, at, tiles, area, to } => {
            let (from, into, area) = (names.ring(*from), names.ring(*into), area_text(*area));
            format!("deliver {from} {tiles} -> {into} {at} of {to} in the {area}")
        }
        Move::Rank(op) => rank::text(names, op),
        Move::Work(op) => work::text(names, op),
        Move::Open(Table { buffer, ring }) => {
            format!("open {} in {}", names.buffer(*buffer), names.ring(*ring))
        }
        Move::Elements(Elements { made, buffer, page, into, .. }) => {
            let how = match made {
                Made::Equation(_) => "elements",
                Made::Bins(..) => "bins",
                Made::Running(..) => "running sums",
                Made::Copies => "copies",
            };
            format!("{how} of {}[{page}] -> {} 0", names.buffer(*buffer), names.ring(*into))
        }
        Move::Zero { into, at } => format!("zero {} {at}", names.ring(*into)),
        Move::ReadBarrier => "read barrier".to_owned(),
        Move::Write { buffer, page, from, at } => {
            format!("write {} {at} -> {}[{page}]", names.ring(*from), names.buffer(*buffer))
        }
        Move::WriteBarrier => "write barrier".to_owned(),
        Move::Column { from, at, column, into, to } => format!(
            "column {column} of {} {at} -> column 0 of {} {to}",
            names.ring(*from),
            names.ring(*into)
        ),
        Move::Multicast { from, into, tiles, area, own } => {
            let own = if *own { " and itself" } else { "" };
            let (from, into, area) = (names.ring(*from), names.ring(*into), area_text(*area));
            format!("multicast {from} {tiles} -> {into} of the {area}{own}")
        }
        Move::Set(semaphore, value) => format!("set {} {value}", names.semaphore(*semaphore)),
        Move::Until(semaphore, value) => format!("until {} {value}", names.semaphore(*semaphore)),
        Move::SignalOne { semaphore, area, to } => {
            format!("signal {} of {to} in the {}", names.semaphore(*semaphore), area_text(*area))
        }
        Move::SignalAll { semaphore, area } => {
            format!("signal {} of the {}", names.semaphore(*semaphore), area_text(*area))
        }
    }
}

fn area_text(area: Area) -> &'static str {
    match area {
        Area::Row => "row",
        Area::Column => "column",
    }
}
