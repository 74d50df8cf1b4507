//! A thread for each point.

use tilec_ir::Id;
use tilec_ir::tensor::{Equation, Var};

use super::{declare_count, decompose};
use crate::device::Header;
use crate::function::Function;
use crate::text::Text;
use crate::types::Class;

pub(super) fn write(f: &mut Function<'_, '_>, equations: &[&Equation], threads: u32) {
    f.need(Header::Index);
    let vars = &equations[0].vars;
    let count = declare_count(f, vars, "points");
    let point = f.local("point");
    let first = format!("{point} = blockIdx.x * {threads}ll + threadIdx.x");
    let step = format!("{point} += gridDim.x * {threads}ll");
    f.open(&format!("for (long long {first}; {point} < {count}; {step})"));
    let names = decompose(f, vars, &point);
    let index: Vec<_> = names.iter().cloned().map(Text::atom).collect();
    for (at, equation) in equations.iter().enumerate() {
        let later = at + 1 < equations.len();
        let element = element(f, equation, &names, later);
        if f.cx.is_stored(equation.tensor) {
            f.store_encoded(equation.tensor, &index, &element);
        }
    }
    f.close();
}

/// Binds the variables of an equation to the names of a point, cites it, and gives its
/// value there as an element. What is `read_later` is at hand for later equations.
pub(super) fn element(
    f: &mut Function<'_, '_>,
    equation: &Equation,
    names: &[String],
    read_later: bool,
) -> Text {
    bind(f, &equation.vars, names);
    f.cite(equation);
    let tensor = equation.tensor;
    if !read_later {
        return f.encoded(tensor, equation.value);
    }
    let element = f.kernel.tensors[tensor].element;
    let value = f.value(equation.value);
    let name = f.cx.names.tensor(tensor).to_owned() + "_here";
    let value = Text::atom(f.declare(Class::of(element).cpp(), &name, value.to_string()));
    f.hold(tensor, names.to_vec(), value.clone());
    f.encode(element, &value)
}

fn bind(f: &mut Function<'_, '_>, vars: &[Id<Var>], names: &[String]) {
    for (&var, name) in vars.iter().zip(names) {
        f.bind(var, name.clone());
    }
}
