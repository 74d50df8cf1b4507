//! Work lists, as calls of `device/work.h`, and the words that roles learn from them.

use tilec_ir::dataflow::{CircularAt, Deal, Index, Work};

use crate::kernel::{Kernel, RoleName};

impl Kernel<'_> {
    pub(crate) fn work(&mut self, op: &Work) {
        match op {
            Work::Fetch { table, into } => {
                let pages = self.program.buffers[*table].pages().to_string();
                let buffer = self.buffers[table].name.clone();
                let address = self.address(*into, &Index::from(0));
                self.call("tilec::fetch_table", &[buffer, pages, address]);
            }
            Work::Deal(deal) => self.deal(deal),
        }
    }

    fn deal(&mut self, deal: &Deal) {
        let mut address = |ring: Option<CircularAt>| {
            ring.map_or("0".to_owned(), |ring| self.address(ring, &Index::from(0)))
        };
        let [groups, filled] = [Some(deal.groups), deal.filled].map(&mut address);
        let lists: Vec<_> = deal.into.iter().map(|&list| address(Some(list))).collect();
        let lists = format!("{{{}}}", lists.join(", "));
        let [tiles, most_groups, columns, cores] =
            [deal.tiles, deal.most_groups, deal.columns, deal.cores].map(|n| n.to_string());
        let core = self.index(&deal.core);
        let arguments = [groups, filled, tiles, most_groups, columns, core, cores, lists];
        self.call("tilec::deal_work", &arguments);
    }

    /// The threads of the compute role learn a word together.
    pub(crate) fn learn(&mut self, name: &str, list: CircularAt, word: &Index) {
        let word = self.index(word);
        let value = match self.role_name {
            RoleName::Compute => format!("read_tile_value({}, 0, {word})", self.ring(list)),
            RoleName::Reader | RoleName::Writer => {
                let list = self.address(list, &Index::from(0));
                format!("tilec::work_word({list}, {word})")
            }
        };
        let name = self.names.number(name);
        self.line(format!("const uint32_t {name} = {value};"));
    }
}
