//! The reader and the writer: pages between DRAM and L1, and from core to core.

use tilec_ir::dataflow::index::Operator;
use tilec_ir::dataflow::{Area, CircularAt, Index, Move, SemaphoreAt};

use crate::kernel::Kernel;

/// The function that gives an address at all cores of an area, and how many cores it has.
pub(crate) fn area_names(area: Area) -> [&'static str; 2] {
    match area {
        Area::Row => ["to_row", "GRID_COLUMNS"],
        Area::Column => ["to_column", "GRID_ROWS"],
    }
}

impl Kernel<'_> {
    pub(crate) fn moves(&mut self, op: &Move) {
        match op {
            Move::Read { buffer, page, into, at } => {
                let (page, address) = (self.index(page), self.address(*into, at));
                let buffer = self.buffers[buffer].name.clone();
                self.call("noc_async_read_page", &[page, buffer, address]);
            }
            Move::Write { buffer, page, from, at } => {
                let (page, address) = (self.index(page), self.address(*from, at));
                let buffer = self.buffers[buffer].name.clone();
                self.call("noc_async_write_page", &[page, buffer, address]);
            }
            Move::ReadRows { buffer, page, first, rows, into, at } => {
                let (page, first) = (self.index(page), self.index(first));
                let function = format!("tilec::read_rows<{}>", self.element_bytes(*into));
                let buffer = self.buffers[buffer].name.clone();
                let address = self.address(*into, at);
                self.call(&function, &[buffer, page, first, rows.to_string(), address]);
            }
            Move::WriteRows { buffer, page, first, rows, from } => {
                let [page, first, rows] = [page, first, rows].map(|index| self.index(index));
                let function = format!("tilec::write_rows<{}>", self.element_bytes(*from));
                let buffer = self.buffers[buffer].name.clone();
                let address = self.address(*from, &Index::from(0));
                self.call(&function, &[buffer, page, first, rows, address]);
            }
            Move::Deliver { from, into, at, tiles, area, to } => {
                let bytes = self.bytes(*from, *tiles);
                let (source, target) =
                    (self.address(*from, &Index::from(0)), self.address(*into, at));
                let place = self.core_at(*area, to);
                let target = format!("get_noc_addr({place}, {target})");
                self.call("noc_async_write", &[source, target, bytes]);
            }
            Move::Rank(op) => self.rank(op),
            Move::Work(op) => self.work(op),
            Move::Open(table) => self.open_table(*table),
            Move::Elements(elements) => self.elements(elements),
            Move::Zero { into, at } => {
                let (address, bytes) = (self.address(*into, at), self.tile_bytes(*into));
                self.call("tilec::zero_tile", &[address, bytes]);
            }
            Move::Column { from, at, column, into, to } => {
                let [from, into] = [(*from, at), (*into, to)].map(|(r, at)| self.address(r, at));
                let column = self.index(column);
                self.call("tilec::copy_column", &[from, column, into]);
            }
            Move::ReadBarrier => self.line("noc_async_read_barrier();"),
            Move::WriteBarrier => self.line("noc_async_write_barrier();"),
            Move::Multicast { from, into, tiles, area, own } => {
                self.multicast(*from, *into, *tiles, *area, *own);
            }
            Move::Set(semaphore, value) => {
                let word = &self.semaphores[semaphore].word;
                self.line(format!("noc_semaphore_set({word}, {value});"));
            }
            Move::Until(semaphore, value) => {
                let word = &self.semaphores[semaphore].word;
                self.line(format!("noc_semaphore_wait({word}, {value});"));
            }
            Move::SignalOne { semaphore, area, to } => {
                let place = self.core_at(*area, to);
                let address = self.semaphore_address(*semaphore);
                let to = format!("get_noc_addr({place}, {address})");
                self.call("noc_semaphore_inc", &[to, "1".to_owned()]);
            }
            Move::SignalAll { semaphore, area } => self.signal_all(*semaphore, *area),
        }
    }

    fn multicast(&mut self, from: CircularAt, into: CircularAt, tiles: u32, area: Area, own: bool) {
        let [name, cores] = area_names(area);
        let [source, target] = [from, into].map(|ring| self.address(ring, &Index::from(0)));
        let bytes = self.bytes(into, tiles);
        let (call, cores) = match own {
            true => ("noc_async_write_multicast_loopback_src", cores.to_owned()),
            false => ("noc_async_write_multicast", format!("{cores} - 1")),
        };
        self.call(call, &[source, format!("{name}({target})"), bytes, cores]);
    }

    /// Pages and words may go through different queues of the network, hence the first
    /// flush; the word itself is what is sent, hence the second.
    fn signal_all(&mut self, semaphore: SemaphoreAt, area: Area) {
        let [name, cores] = area_names(area);
        let address = self.semaphore_address(semaphore);
        self.line("noc_async_writes_flushed(); // the word stays behind the tiles");
        let to = format!("{name}({address})");
        self.call("noc_semaphore_set_multicast", &[address, to, format!("{cores} - 1")]);
        self.line("noc_async_writes_flushed(); // and has left before it changes");
    }

    /// A kernel that ended before what it sent has arrived would leave the network in doubt.
    pub(crate) fn finish_transfers(&mut self) {
        if !self.needs.areas.is_empty() {
            self.comment("Nothing is on its way when the kernel ends.");
        }
        if !self.needs.rectangles.is_empty() {
            self.line("noc_async_write_barrier();");
        }
        if self.needs.counts_up {
            self.line("noc_async_atomic_barrier();");
        }
    }

    /// The address of a page: of those reserved if the role fills the ring, else of
    /// those waited for.
    pub(crate) fn address(&mut self, ring: CircularAt, at: &Index) -> String {
        let call =
            if self.needs.reserved.contains(&ring) { "get_write_ptr" } else { "get_read_ptr" };
        let first = format!("{call}({})", self.ring(ring));
        if *at == Index::Number(0) {
            return first;
        }
        let bytes = self.tile_bytes(ring);
        let sum = matches!(at, Index::Binary(Operator::Add | Operator::Sub, _));
        match self.index(at) {
            tile if sum => format!("{first} + ({tile}) * {bytes}"),
            tile => format!("{first} + {tile} * {bytes}"),
        }
    }

    /// The coordinates of one core of the same row or column.
    fn core_at(&mut self, area: Area, at: &Index) -> String {
        let at = self.index(at);
        match area {
            Area::Row => format!("row_x({at}), row_y"),
            Area::Column => format!("column_x, column_y({at})"),
        }
    }

    /// The bytes of so many pages.
    fn bytes(&self, ring: CircularAt, tiles: u32) -> String {
        match tiles {
            1 => self.tile_bytes(ring),
            _ => format!("{} * {}", self.count(ring, tiles), self.tile_bytes(ring)),
        }
    }

    fn tile_bytes(&self, ring: CircularAt) -> String {
        format!("get_tile_size({})", self.ring(ring))
    }

    fn semaphore_address(&self, semaphore: SemaphoreAt) -> String {
        format!("get_semaphore({})", self.semaphores[&semaphore].id)
    }
}
