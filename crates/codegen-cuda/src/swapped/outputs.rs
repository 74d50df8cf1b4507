//! What is computed from the sums, and how it is written.
//!
//! A thread has a few neighbors along `n`. Where these are neighbors in an output
//! too, it keeps their elements in an array and writes them at once, if the output
//! lies on a boundary of so many bytes; the elements of other outputs it writes one
//! by one.

use tilec_ir::tensor::{Binary, Equation, ExprKind, Tensor, Var};
use tilec_ir::{Atom, Id, walk};

use super::Few;
use super::put::QUAD;
use crate::device::Header;
use crate::params::Access;
use crate::points::decompose;
use crate::text::Text;
use crate::types;

/// An output with an array for neighbors.
#[derive(Clone, Debug)]
struct Output {
    tensor: Id<Tensor>,
    array: String,
}

/// Where an array of neighbors is written.
#[derive(Debug)]
struct Store {
    tensor: Id<Tensor>,
    array: String,
    /// Its indices, the column last.
    at: Vec<String>,
}

impl Few<'_, '_, '_> {
    /// Stores the sums where they are asked for, and what is computed from them.
    pub(super) fn results(&mut self, n: &str) {
        let contract = self.contract;
        let [m_at, batch_at] = ["$tile.m + $column", "$tile.batch"].map(|at| self.words.fill(at));
        decompose(&mut self.f, &contract.batch, &batch_at);
        decompose(&mut self.f, &contract.m, &m_at);
        self.say("const long long $first_n = $tile.n + $row;");
        let outputs = self.outputs();
        for output in &outputs {
            let ty = types::element(self.f.kernel.tensors[output.tensor].element);
            self.f.line(format!("tilec::Vector<{ty}, {QUAD}> {};", output.array));
        }
        self.f.line("#pragma unroll");
        self.open(&format!("for (int $element = 0; $element < {QUAD}; ++$element)"));
        self.open(&format!("if ($first_n + $element < {n})"));
        self.bind_column();
        let stores = self.element(&outputs);
        self.f.close();
        self.f.close();
        for store in stores {
            self.store_quad(&store, n);
        }
    }

    /// Binds the variables of the columns to those of one element. Where they are one
    /// variable, an array is written without it.
    fn bind_column(&mut self) {
        let contract = self.contract;
        let at = self.words.fill("$first_n + $element");
        let [column] = contract.n[..] else {
            decompose(&mut self.f, &contract.n, &at);
            return;
        };
        let name = self.f.local(&self.f.kernel.vars[column].name.clone());
        self.f.line(format!("[[maybe_unused]] const long long {name} = {at};"));
        self.f.bind(column, name);
    }

    /// The outputs in which neighbors along `n` are neighbors.
    fn outputs(&mut self) -> Vec<Output> {
        let sum = self.equations[0];
        let stored = self.contract.stored.then_some(sum);
        let equations: Vec<_> = stored.into_iter().chain(self.equations[1..].to_vec()).collect();
        let mut outputs = Vec::new();
        for equation in equations {
            let last = equation.vars.last().map(|&var| self.is_column(equation, var));
            if last == Some(true) {
                self.f.need(Header::Vector);
                let tensor = equation.tensor;
                let base = format!("{}_here", self.f.cx.names.tensor(tensor));
                let array = self.f.local(&base);
                outputs.push(Output { tensor, array });
            }
        }
        outputs
    }

    /// Whether a variable of an equation is the one variable of the columns.
    fn is_column(&self, equation: &Equation, var: Id<Var>) -> bool {
        let [column] = self.contract.n[..] else { return false };
        let sum = self.equations[0];
        if equation.tensor == sum.tensor {
            return var == column;
        }
        let at = sum.vars.iter().position(|&other| other == column);
        at.is_some_and(|at| self.variable_of(equation, at) == Some(var))
    }

    /// The variable with which an equation of the epilogue reads the sum at a position.
    fn variable_of(&self, equation: &Equation, at: usize) -> Option<Id<Var>> {
        let (kernel, sum) = (self.f.kernel, self.equations[0].tensor);
        let reads = walk::reachable(kernel, equation.value).into_iter();
        let mut indices = reads.filter_map(|expr| {
            let ExprKind::Read(tensor, index) = &kernel.exprs[expr].kind else { return None };
            (*tensor == sum).then(|| index[at])
        });
        match kernel.ints.as_atom(indices.next()?)? {
            Atom::Var(var) => Some(*var),
            Atom::Size(_) | Atom::Div(..) | Atom::Read(..) | Atom::Value(_) => None,
        }
    }

    /// Computes all outputs of one element; those without an array are stored.
    fn element(&mut self, outputs: &[Output]) -> Vec<Store> {
        let sum = self.equations[0];
        let mut total = Text::atom(self.words.fill("$totals[$element]"));
        if let Some(coefficient) = self.contract.coefficient {
            let (class, by) = (self.class(), self.f.value(coefficient));
            let product = self.f.combine(Binary::Mul, class, &total, &by);
            let name = self.words.name("total").to_owned();
            self.f.line(format!("const {} {name} = {product};", class.cpp()));
            total = Text::atom(name);
        }
        let index: Vec<_> = sum.vars.iter().map(|&var| self.f.var(var)).collect();
        let mut stores = Vec::new();
        if self.contract.stored {
            let element = self.f.kernel.tensors[sum.tensor].element;
            let encoded = self.f.encode(element, &total);
            self.result(sum, &encoded, outputs, &mut stores);
        }
        self.f.hold(sum.tensor, index.clone(), total);
        for equation in self.equations.split_off(1) {
            self.f.cite(equation);
            self.bind_epilogue(equation, &index);
            let encoded = self.f.encoded(equation.tensor, equation.value);
            self.result(equation, &encoded, outputs, &mut stores);
        }
        stores
    }

    /// Keeps an element in its array, or stores it.
    fn result(
        &mut self,
        equation: &Equation,
        encoded: &Text,
        outputs: &[Output],
        stores: &mut Vec<Store>,
    ) {
        let at: Vec<_> = equation.vars.iter().map(|&var| self.f.var(var)).collect();
        let output = outputs.iter().find(|output| output.tensor == equation.tensor);
        let Some(Output { tensor, array }) = output else {
            let at: Vec<_> = at.into_iter().map(Text::atom).collect();
            return self.f.store_encoded(equation.tensor, &at, encoded);
        };
        let line = format!("{array}.at[$element] = {encoded};");
        self.say(&line);
        stores.push(Store { tensor: *tensor, array: array.clone(), at });
    }

    /// Writes neighbors along `n` at once where they lie on a boundary of their size.
    fn store_quad(&mut self, store: &Store, n: &str) {
        let shape = &self.f.kernel.tensors[store.tensor].shape;
        let mut at: Vec<_> = store.at.iter().cloned().map(Text::atom).collect();
        *at.last_mut().expect("it has columns") = Text::atom(self.words.name("first_n"));
        let offset = self.f.offset(shape, &at);
        let pointer = self.f.pointer(store.tensor, Access::Write);
        let array = &store.array;
        let element = self.f.kernel.tensors[store.tensor].element;
        let to = self.f.local("to");
        let ty = types::element(element);
        let bytes = QUAD * types::bytes(element);
        self.say(&format!(
            "
            {ty}* const {to} = {pointer} + ({offset});
            if ({n} % {QUAD} == 0 && reinterpret_cast<tilec::u64>({to}) % {bytes} == 0) {{
                tilec::store({to}, {array});
            }} else {{
                for (int $i = 0; $i < {QUAD} && $first_n + $i < {n}; ++$i) {to}[$i] = {array}.at[$i];
            }}
            "
        ));
    }

    /// Binds the variables of an equation that reads the sum at its own points.
    fn bind_epilogue(&mut self, equation: &Equation, index: &[String]) {
        for (at, name) in index.iter().enumerate() {
            if let Some(var) = self.variable_of(equation, at) {
                self.f.bind(var, name.clone());
            }
        }
    }
}
