//! Names of an emitted kernel: those of the program, made legal and different.

use std::collections::BTreeMap;

use tilec_cpp::{Names, legal};
use tilec_ir::dataflow::index::{Index, Test};

/// Names that the vendor's headers have as macros or as functions that kernels call,
/// and those that kernels define for themselves.
const RESERVED: &[&str] = &[
    "ALWI",
    "ARCH_BLACKHOLE",
    "ARCH_WORMHOLE",
    "DST_ACCUM_MODE",
    "DST_COLUMNS",
    "DST_ROWS",
    "GRID_COLUMNS",
    "GRID_ROWS",
    "LEFT_STRIDE",
    "MATH",
    "MATH_FIDELITY",
    "NULL",
    "PACK",
    "RIGHT_TRANSPOSED",
    "SrcOrder",
    "TensorAccessor",
    "TensorAccessorArgs",
    "UNPACK",
    "ckernel",
    "column_x",
    "column_y",
    "core_column",
    "core_row",
    "false",
    "get_arg_val",
    "get_noc_addr",
    "get_noc_multicast_addr",
    "get_read_ptr",
    "get_semaphore",
    "get_tile_size",
    "get_write_ptr",
    "kernel_main",
    "my_x",
    "my_y",
    "noc_index",
    "noc_mode",
    "proc_type",
    "row_x",
    "row_y",
    "std",
    "tilec",
    "to_column",
    "to_row",
    "true",
    "tt",
    "uint32_t",
];

/// The names of one kernel.
#[derive(Clone, Debug)]
pub(crate) struct KernelNames {
    names: Names,
    /// What names of the program's indices became: constants, arguments, lets, loops.
    numbers: BTreeMap<String, String>,
}

impl KernelNames {
    pub(crate) fn new() -> Self {
        Self { names: Names::with(RESERVED), numbers: BTreeMap::new() }
    }

    /// A legal name that nothing else has.
    pub(crate) fn make(&mut self, name: &str) -> String {
        self.names.make(&legal(name))
    }

    /// What a number is called: the same for the same name, since names of siblings
    /// may be equal and those that are visible together never are.
    pub(crate) fn number(&mut self, name: &str) -> String {
        if let Some(known) = self.numbers.get(name) {
            return known.clone();
        }
        let made = self.make(name);
        self.numbers.insert(name.to_owned(), made.clone());
        made
    }

    /// An index as C++.
    pub(crate) fn index(&mut self, index: &Index) -> String {
        self.renamed(index).to_string()
    }

    /// A test as C++.
    pub(crate) fn test(&mut self, test: &Test) -> String {
        match test {
            Test::Equal(a, b) => format!("{} == {}", self.renamed(a), self.renamed(b)),
            Test::Less(a, b) => format!("{} < {}", self.renamed(a), self.renamed(b)),
            Test::Both(tests) => format!("{} && {}", self.test(&tests[0]), self.test(&tests[1])),
        }
    }

    fn renamed(&mut self, index: &Index) -> Index {
        match index {
            Index::Number(_) | Index::CoreColumn | Index::CoreRow => index.clone(),
            Index::Named(name) => Index::Named(self.number(name)),
            Index::Binary(operator, operands) => {
                let operands = [self.renamed(&operands[0]), self.renamed(&operands[1])];
                Index::Binary(*operator, Box::new(operands))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_legal_and_keep_their_meaning() {
        let mut names = KernelNames::new();
        assert_eq!(names.make("row_x"), "row_x_");
        let index = (Index::named("row_x") + Index::named("acc'1")) * Index::CoreRow;
        assert_eq!(names.index(&index), "(row_x__ + acc_1) * core_row");
        assert_eq!(names.number("acc'1"), "acc_1");
        let test = Test::Less(Index::named("row_x"), Index::from(3));
        assert_eq!(names.test(&test), "row_x__ < 3");
    }
}
