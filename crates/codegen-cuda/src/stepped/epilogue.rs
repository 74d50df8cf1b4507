//! What is made of the sums: they go through shared memory, so that threads write
//! neighboring elements, and every equation of the epilogue is computed there.

use tilec_ir::Id;
use tilec_ir::plan::Contract;
use tilec_ir::tensor::{Binary, Equation, ExprKind, Tensor, Var};
use tilec_ir::tile::Scratch;
use tilec_ir::walk::reachable;

use crate::function::Function;
use crate::text::Text;
use crate::types::Class;

use super::Stepped;

impl Stepped<'_, '_, '_> {
    /// Writes the results of an item.
    pub(super) fn put(&mut self) {
        let (l, ty) = (self.layout, self.layout.sum_type());
        self.f.comment(
            "Through shared memory, so that neighboring threads have neighboring columns.",
        );
        self.f.line(format!("{ty}* const tile_sums = reinterpret_cast<{ty}*>(shared);"));
        let to = "tile_sums + m_part * SUMS_LINE + n_part";
        if l.is_matrix() {
            self.f.line(format!("tilec::put_sums<SUMS_LINE>({to}, sums);"));
        } else {
            let (m_apart, n_apart) = self.apart();
            self.f.line(format!("tilec::put_sums<SUMS_LINE, {m_apart}, {n_apart}>({to}, sums);"));
        }
        self.f.line("__syncthreads();");
        self.f.line("#pragma unroll 4");
        self.f.open("for (int at = threadIdx.x; at < M_TILE * N_TILE; at += THREADS)");
        self.f.line("const int row = at / N_TILE, column = at % N_TILE;");
        self.f.line("const long long m_at = m_first + row, n_at = n_first + column;");
        self.f.open("if (m_at < m_size && n_at < n_size)");
        let sum = "tile_sums[row * SUMS_LINE + column]";
        if l.split > 1 {
            self.store_partial(sum);
        } else {
            self.bind_position(&l.contract.m, "m_at");
            self.bind_position(&l.contract.n, "n_at");
            results(&mut self.f, l.contract, self.equations, sum);
        }
        self.f.close();
        self.f.close();
    }

    /// Writes a part's sum to the workspace: `partials[part][batch][m][n]`.
    fn store_partial(&mut self, sum: &str) {
        let ty = self.layout.sum_type();
        let partials = self.f.scratch(Scratch::Partials(self.step), ty, "partials");
        let before = if self.layout.contract.batch.is_empty() {
            "part".to_owned()
        } else {
            "(part * batches + batch)".to_owned()
        };
        self.f.line(format!("{partials}[({before} * m_size + m_at) * n_size + n_at] = {sum};"));
    }
}

/// Computes and stores the equations of a contraction at one point, whose variables
/// are bound; `sum` is the C++ of its sum over k.
pub(super) fn results(
    f: &mut Function<'_, '_>,
    contract: &Contract,
    equations: &[&Equation],
    sum: &str,
) {
    let (&first, epilogue) = equations.split_first().expect("a contraction has a sum");
    f.cite(first);
    let value = total(f, contract, first, sum);
    let at: Vec<_> = first.vars.iter().map(|&var| f.var(var)).collect();
    if contract.stored {
        let encoded = f.encode(f.kernel.tensors[first.tensor].element, &value);
        store(f, first, &encoded);
    }
    let mut known = vec![Known { tensor: first.tensor, vars: &first.vars, value }];
    for &equation in epilogue {
        f.cite(equation);
        bind_like(f, equation, &known, first, &at);
        note(f, equation, &known);
        let class = f.class(equation.value);
        let value = f.value(equation.value).to_string();
        let base = format!("{}_value", f.kernel.tensors[equation.tensor].name);
        let value = Text::atom(f.declare(class.cpp(), &base, value));
        f.note_expr(equation.value, value.clone());
        let encoded = f.encoded(equation.tensor, equation.value);
        store(f, equation, &encoded);
        known.push(Known { tensor: equation.tensor, vars: &equation.vars, value });
    }
}

/// A tensor whose element at the current point is at hand.
#[derive(Debug)]
struct Known<'e> {
    tensor: Id<Tensor>,
    vars: &'e [Id<Var>],
    value: Text,
}

/// `guard ? coefficient * sum : 0`
fn total(f: &mut Function<'_, '_>, contract: &Contract, equation: &Equation, sum: &str) -> Text {
    let class = Class::of(contract.accumulator);
    let mut value = Text::atom(sum);
    if let Some(coefficient) = contract.coefficient {
        let factor = f.value(coefficient);
        value = f.combine(Binary::Mul, class, &factor, &value);
    }
    if let Some(guard) = contract.guard {
        let zero = if class == Class::Float { "0.0f" } else { "0" };
        let test = f.value(guard).at(crate::text::Level::Or);
        let value_text = value.at(crate::text::Level::Or);
        value = Text::new(format!("{test} ? {value_text} : {zero}"), crate::text::Level::Choice);
    }
    let base = format!("{}_value", f.kernel.tensors[equation.tensor].name);
    Text::atom(f.declare(class.cpp(), &base, value.to_string()))
}

/// Binds the variables of an epilogue equation: they are those of a tensor that it
/// reads at its own point.
fn bind_like(
    f: &mut Function<'_, '_>,
    equation: &Equation,
    known: &[Known<'_>],
    first: &Equation,
    at: &[String],
) {
    let kernel = f.kernel;
    for expr in reachable(kernel, equation.value) {
        let ExprKind::Read(tensor, index) = &kernel.exprs[expr].kind else { continue };
        let Some(read) = known.iter().find(|known| known.tensor == *tensor) else { continue };
        for (&var, &int) in read.vars.iter().zip(index) {
            let place = first.vars.iter().position(|&v| v == var);
            let name = place.map_or_else(|| f.var(var), |place| at[place].clone());
            if let Some(tilec_ir::Atom::Var(own)) = kernel.ints.as_atom(int) {
                f.bind(*own, name);
            }
        }
    }
    debug_assert!(equation.vars.len() == first.vars.len(), "an epilogue has the sum's points");
}

/// Notes the elements at hand that an equation reads.
fn note(f: &mut Function<'_, '_>, equation: &Equation, known: &[Known<'_>]) {
    let kernel = f.kernel;
    for expr in reachable(kernel, equation.value) {
        if let ExprKind::Read(tensor, _) = &kernel.exprs[expr].kind
            && let Some(known) = known.iter().find(|known| known.tensor == *tensor)
        {
            f.note_expr(expr, known.value.clone());
        }
    }
}

fn store(f: &mut Function<'_, '_>, equation: &Equation, encoded: &Text) {
    let index: Vec<_> = equation.vars.iter().map(|&var| Text::name(f.var(var))).collect();
    f.store_encoded(equation.tensor, &index, encoded);
}
