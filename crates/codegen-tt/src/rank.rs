//! Ops on lists, as calls of `device/rank.h`.

use tilec_ir::dataflow::{CircularAt, Index, Key, KeyKind, List, Places, Rank};
use tilec_ir::tensor::Order;

use crate::kernel::Kernel;

impl Kernel<'_> {
    pub(crate) fn rank(&mut self, op: &Rank) {
        match op {
            Rank::Clear(list) => {
                let list = self.list(list);
                self.call("tilec::clear_list", &list);
            }
            Rank::Offer { keys, at, row, columns, first, key, list } => {
                let function = format!("tilec::offer_row<{}, tilec::{}>", key.bits, code(*key));
                let tile = self.address(*keys, at);
                let [row, columns, first] = [row, columns, first].map(|index| self.index(index));
                let list = self.list(list);
                self.call(&function, &[&list[..], &[tile, row, columns, first]].concat());
            }
            Rank::Merge { from, into } => {
                let [from, _] = self.list(from);
                let [into, places] = self.list(into);
                self.call("tilec::merge_list", &[from, into, places]);
            }
            Rank::Sort(list) => {
                let list = self.list(list);
                self.call("tilec::sort_list", &list);
            }
            Rank::Indices { places, row, into } => {
                let places = self.places(places);
                let (tile, row) = (self.page_0(*into), self.index(row));
                self.call("tilec::put_indices", &[&places[..], &[tile, row]].concat());
            }
            Rank::Fetch { places, buffer, page, row, into } => {
                let function = format!("tilec::fetch_elements<{}>", self.element_bytes(*into));
                let places = self.places(places);
                let buffer = self.buffers[buffer].name.clone();
                let [page, row] = [page, row].map(|index| self.index(index));
                let address = self.page_0(*into);
                self.call(&function, &[&places[..], &[buffer, page, row, address]].concat());
            }
            Rank::Values { places, row, from, into } => {
                let function = format!("tilec::put_elements<{}>", self.element_bytes(*into));
                let places = self.places(places);
                let (from, tile) = (self.page_0(*from), self.page_0(*into));
                let row = self.index(row);
                self.call(&function, &[&places[..], &[from, tile, row]].concat());
            }
        }
    }

    /// The address of a list, and its places.
    fn list(&mut self, list: &List) -> [String; 2] {
        let first = self.address(list.ring, &list.page);
        let places = list.places.to_string();
        if list.slot == Index::Number(0) {
            return [first, places];
        }
        let slot = self.index(&list.slot);
        let slot = match list.slot {
            Index::Binary(..) => format!("({slot})"),
            Index::Number(_) | Index::Named(_) | Index::CoreColumn | Index::CoreRow => slot,
        };
        [format!("{first} + {slot} * tilec::list_bytes({places})"), places]
    }

    /// The address of a list, the first place, and how many.
    fn places(&mut self, places: &Places) -> [String; 3] {
        let [list, _] = self.list(&places.list);
        [list, self.index(&places.first), self.index(&places.count)]
    }

    fn page_0(&mut self, ring: CircularAt) -> String {
        self.address(ring, &Index::from(0))
    }

    /// The bytes of an element of a ring.
    pub(crate) fn element_bytes(&self, ring: CircularAt) -> u32 {
        let format = self.step.circular[ring].format;
        format.element_bytes().expect("a verified step moves elements that lie one by one")
    }
}

/// The function of `device/rank.h` that gives the code of a key.
pub(crate) fn code_function(key: Key) -> &'static str {
    match key.kind {
        KeyKind::Float { .. } => "float_code",
        KeyKind::Signed | KeyKind::Unsigned => "integer_code",
    }
}

/// It with its arguments.
fn code(key: Key) -> String {
    let function = code_function(key);
    let (bits, largest) = (key.bits, key.order == Order::Descending);
    match key.kind {
        KeyKind::Float { greatest } => format!("{function}<{bits}, {greatest:#x}, {largest}>"),
        KeyKind::Signed => format!("{function}<{bits}, true, {largest}>"),
        KeyKind::Unsigned => format!("{function}<{bits}, false, {largest}>"),
    }
}
