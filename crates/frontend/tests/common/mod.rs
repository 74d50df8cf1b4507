//! Prints syntax trees compactly, so that a test can state the tree it expects
//! on one line: `(+ a (* b c))`, `(sum [k < (/ K 2)] (read a m k))`.
//!
//! Parentheses, places and layout of the source leave no trace here.

use tilec_frontend::ast::{
    Arithmetic, Binder, Element, Expr, ExprKind, FactKind, File, Item, Kernel, Name, Param,
};
use tilec_frontend::ast::{Reduction, Relation, SettingValue, Tiling};
use tilec_ir::Id;

/// A whole file, one item, fact, equation or entry a line.
pub(crate) fn print(file: &File) -> String {
    let items: Vec<String> = file.items.iter().map(|item| print_item(file, item)).collect();
    items.join("\n")
}

fn print_item(file: &File, item: &Item) -> String {
    match item {
        Item::Kernel(kernel) => print_kernel(file, kernel),
        Item::Function(f) => {
            format!("fn {} [{}] {}", f.name.text, names(&f.params), expr(file, f.body))
        }
        Item::Tiling(tiling) => print_tiling(tiling),
    }
}

fn names(names: &[Name]) -> String {
    names.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join(" ")
}

fn print_kernel(file: &File, kernel: &Kernel) -> String {
    let size = |size: &tilec_frontend::ast::SizeParam| match size.default {
        Some(value) => format!("{}={value}", size.name.text),
        None => size.name.text.clone(),
    };
    let mut lines = vec![format!(
        "kernel {} [{}] ({}) ({})",
        kernel.name.text,
        kernel.sizes.iter().map(size).collect::<Vec<_>>().join(" "),
        params(file, &kernel.inputs),
        params(file, &kernel.outputs)
    )];
    for fact in &kernel.facts {
        lines.push(match &fact.kind {
            FactKind::Compare(a, op, b) => {
                format!("  where ({} {} {})", relation(*op), expr(file, *a), expr(file, *b))
            }
            FactKind::Sorted(name) => format!("  where (sorted {})", name.text),
            FactKind::Finite(name) => format!("  where (finite {})", name.text),
        });
    }
    for equation in &kernel.equations {
        let target = if equation.binders.is_empty() {
            equation.name.text.clone()
        } else {
            format!("{}{}", equation.name.text, binders(file, &equation.binders))
        };
        lines.push(format!("  {target} = {}", expr(file, equation.value)));
    }
    lines.join("\n")
}

fn print_tiling(tiling: &Tiling) -> String {
    let mut lines = vec![format!("tile {} {}", tiling.kernel.text, tiling.chip.text)];
    for entry in &tiling.entries {
        let settings = entry.settings.iter().map(|setting| match &setting.value {
            SettingValue::Integer(value) => format!("{}={value}", setting.name.text),
            SettingValue::Word(word) => format!("{}={word}", setting.name.text),
        });
        lines.push(format!("  {}: {}", entry.key.text, settings.collect::<Vec<_>>().join(" ")));
    }
    lines.join("\n")
}

fn params(file: &File, params: &[Param]) -> String {
    let param = |p: &Param| {
        let shape: Vec<String> = p.shape.iter().map(|&size| expr(file, size)).collect();
        let shape = if shape.is_empty() { String::new() } else { format!("[{}]", shape.join(" ")) };
        format!("{}:{}{shape}", p.name.text, element(file, p.element))
    };
    params.iter().map(param).collect::<Vec<_>>().join(" ")
}

fn binders(file: &File, binders: &[Binder]) -> String {
    let binder = |b: &Binder| match b.range {
        Some(range) => format!("{} < {}", b.name.text, expr(file, range)),
        None => b.name.text.clone(),
    };
    format!("[{}]", binders.iter().map(binder).collect::<Vec<_>>().join(" "))
}

fn element(file: &File, element: Element) -> String {
    let name = match element {
        Element::F32 => "f32",
        Element::Bf16 => "bf16",
        Element::F16 => "f16",
        Element::F8E4M3 => "f8e4m3",
        Element::F8E5M2 => "f8e5m2",
        Element::I32 => "i32",
        Element::I8 => "i8",
        Element::U8 => "u8",
        Element::Bool => "bool",
        Element::Idx(size) => return format!("idx<{}>", expr(file, size)),
    };
    name.to_owned()
}

fn relation(relation: Relation) -> &'static str {
    match relation {
        Relation::Equal => "==",
        Relation::NotEqual => "!=",
        Relation::Less => "<",
        Relation::AtMost => "<=",
        Relation::Greater => ">",
        Relation::AtLeast => ">=",
    }
}

fn arithmetic(op: Arithmetic) -> &'static str {
    match op {
        Arithmetic::Add => "+",
        Arithmetic::Sub => "-",
        Arithmetic::Mul => "*",
        Arithmetic::Div => "/",
        Arithmetic::Rem => "%",
    }
}

/// One expression.
fn expr(file: &File, id: Id<Expr>) -> String {
    let show = |id: &Id<Expr>| expr(file, *id);
    let call = |head: String, operands: &[Id<Expr>]| {
        let operands: Vec<String> = operands.iter().map(show).collect();
        format!("({head} {})", operands.join(" "))
    };
    match &file.exprs[id].kind {
        ExprKind::Integer(value) => value.to_string(),
        ExprKind::Fraction(value) => format!("{value:?}"),
        ExprKind::Infinity => "inf".to_owned(),
        ExprKind::Error => "ERROR".to_owned(),
        ExprKind::Name(name) => name.text.clone(),
        ExprKind::Ceil(a, b) => call("ceil".to_owned(), &[*a, *b]),
        ExprKind::Read(name, indices) => call(format!("read {}", name.text), indices),
        ExprKind::Call(name, arguments) => call(format!("call {}", name.text), arguments),
        ExprKind::Convert(to, arguments) => call(element(file, *to), arguments),
        ExprKind::RoundStochastic(to, arguments) => {
            call(format!("round<{}>", element(file, *to)), arguments)
        }
        ExprKind::Negate(a) => call("neg".to_owned(), &[*a]),
        ExprKind::Not(a) => call("not".to_owned(), &[*a]),
        ExprKind::Arithmetic(op, a, b) => call(arithmetic(*op).to_owned(), &[*a, *b]),
        ExprKind::Compare(op, a, b) => call(relation(*op).to_owned(), &[*a, *b]),
        ExprKind::And(a, b) => call("and".to_owned(), &[*a, *b]),
        ExprKind::Or(a, b) => call("or".to_owned(), &[*a, *b]),
        ExprKind::If(a, b, c) => call("if".to_owned(), &[*a, *b, *c]),
        ExprKind::Reduce(op, bound, body) => {
            let op = match op {
                Reduction::Sum => "sum",
                Reduction::Prod => "prod",
                Reduction::Max => "max",
                Reduction::Min => "min",
            };
            call(format!("{op} {}", binders(file, bound)), &[*body])
        }
        ExprKind::Argsort { binder, descending, key, place } => {
            let bound = binders(file, std::slice::from_ref(binder));
            let order = if *descending { "desc" } else { "asc" };
            match place {
                Some(place) => call(format!("argsort {bound} {order}"), &[*key, *place]),
                None => call(format!("argmax {bound}"), &[*key]),
            }
        }
    }
}
