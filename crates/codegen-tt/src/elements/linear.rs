//! Sums of a whole row or column of a page in one pass.
//!
//! ```text
//! for (int32_t t = 0; t < 50; ++t) {             for (int32_t i = 0; i < last; ++i) {
//!     const int32_t expert_value = ..;               if (i >= first) {
//!     if (expert_value >= first &&                       put(i, sum)
//!         expert_value < last) {                     }
//!         add 1 at expert_value                      sum = sum + count_value
//!     }                                          }
//! }
//! ```

use tilec_ir::Id;
use tilec_ir::dataflow::{Bins, Running};
use tilec_ir::tensor::{Expr, ExprKind, Var};

use super::Page;
use super::value::{Class, Scope, Values};

impl Values<'_, '_> {
    /// Adds what falls into the bins of a page; its elements are 0 before.
    pub(super) fn bins(&mut self, value: Id<Expr>, bins: &Bins, page: &Page) {
        let ExprKind::Reduce(_, vars, _) = &self.kernel.exprs[value].kind else {
            unreachable!("what falls into bins is a sum")
        };
        let scope = self.loops(vars);
        self.inside(scope, |values| {
            let mut key = String::new();
            for (at, &test) in bins.tests.iter().enumerate() {
                let condition = if at == bins.at {
                    key = values.value(bins.key);
                    let [_, from, to] = page.along();
                    key = values.declare(Class::Whole, "bin", &key);
                    format!("{key} >= static_cast<int32_t>({from}) && {key} < static_cast<int32_t>({to})")
                } else {
                    values.value(test)
                };
                values.writer.out.open(&format!("if ({condition})"));
                values.scopes.push(Scope::default());
            }
            let weight = values.value(bins.weight);
            let [row, column] = page.at(&key);
            let added = [page.tile.clone(), row, column, weight];
            values.writer.call("tilec::add_to_element", &added);
            for _ in &bins.tests {
                values.scopes.pop();
                values.writer.out.close("");
            }
        });
        vars.iter().for_each(|_| _ = self.writer.out.close(""));
    }

    /// Adds up all that stands before an element of a page, from the first one on.
    pub(super) fn running(&mut self, running: &Running, page: &Page) {
        let [_, from, to] = page.along();
        let total = self.writer.names.make("sum");
        self.writer.line(format!("int32_t {total} = 0;"));
        let at = self.writer.names.make(&self.kernel.vars[running.from].name);
        let last = format!("static_cast<int32_t>({to})");
        self.writer.out.open(&format!("for (int32_t {at} = 0; {at} < {last}; ++{at})"));
        if running.exclusive {
            self.put_from(&from, page, &at, &total);
        }
        let count = self.range(running.from);
        self.writer.out.open(&format!("if ({at} < {count})"));
        self.add(running.from, running.value, &at, &total);
        self.writer.out.close("");
        if !running.exclusive {
            self.put_from(&from, page, &at, &total);
        }
        self.writer.out.close("");
    }

    fn add(&mut self, var: Id<Var>, value: Id<Expr>, at: &str, total: &str) {
        let vars = [(var, at.to_owned())].into_iter().collect();
        let scope = Scope { vars, ..Scope::default() };
        let value = self.inside(scope, |values| values.value(value));
        self.writer.line(format!("{total} = tilec::whole_sum({total}, {value});"));
    }

    /// Stores the sum if its element is one of the page.
    fn put_from(&mut self, first: &str, page: &Page, at: &str, total: &str) {
        self.writer.out.open(&format!("if ({at} >= static_cast<int32_t>({first}))"));
        let [row, column] = page.at(at);
        let put = [page.tile.clone(), row, column, total.to_owned()];
        self.writer.call("tilec::put_element<4>", &put);
        self.writer.out.close("");
    }
}

impl Page {
    /// The side that no counter goes along.
    fn along(&self) -> [String; 3] {
        self.sides[self.side()].clone()
    }

    fn side(&self) -> usize {
        // The rows come first of the last two dimensions.
        let rank = self.dims.len();
        usize::from(rank < 2 || self.dims[rank - 2].is_some())
    }

    /// Row and column of the element at a place along that side.
    fn at(&self, place: &str) -> [String; 2] {
        let mut place_of = self.sides.clone().map(|[name, ..]| name);
        place_of[self.side()] = place.to_owned();
        place_of
    }
}
