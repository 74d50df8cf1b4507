//! Calls: built-in functions, and the expansion of all others.
//!
//! An argument is checked once and shared by all uses of its parameter.

use super::bounds::plural;
use super::expression::{Operand, Step};
use super::kernel::Checker;
use super::types::{Class, Value};
use crate::ast::{self, ExprKind, Name};
use tilec_ir::tensor::{self, Binary, Expr, Unary};
use tilec_ir::{Diagnostic, Id, Kind, Scalar, Span};

/// How deep calls may be nested.
const DEEPEST_CALLS: usize = 64;

/// A function that is not written in the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Builtin {
    /// Of one float.
    Float(Unary),
    /// Of one number.
    Abs,
    /// The smaller or larger of two numbers.
    Extreme(Binary),
    /// 32 random bits.
    Random,
    /// A random float.
    Uniform,
}

/// Names of the built-in functions.
pub(super) const BUILTINS: [(&str, Builtin); 12] = [
    ("exp", Builtin::Float(Unary::Exp)),
    ("log", Builtin::Float(Unary::Log)),
    ("sqrt", Builtin::Float(Unary::Sqrt)),
    ("rsqrt", Builtin::Float(Unary::Rsqrt)),
    ("tanh", Builtin::Float(Unary::Tanh)),
    ("erf", Builtin::Float(Unary::Erf)),
    ("floor", Builtin::Float(Unary::Floor)),
    ("abs", Builtin::Abs),
    ("min", Builtin::Extreme(Binary::Min)),
    ("max", Builtin::Extreme(Binary::Max)),
    ("random", Builtin::Random),
    ("uniform", Builtin::Uniform),
];

impl Builtin {
    /// The built-in function of a name.
    pub(super) fn of(name: &str) -> Option<Self> {
        BUILTINS.iter().find(|(known, _)| *known == name).map(|&(_, builtin)| builtin)
    }

    /// The fewest and the most arguments.
    fn arguments(self) -> (usize, usize) {
        match self {
            Self::Float(_) | Self::Abs => (1, 1),
            Self::Extreme(_) => (2, 2),
            Self::Random | Self::Uniform => (1, 5),
        }
    }
}

/// A wrong number of arguments, if it is one.
pub(super) fn argument_count(
    name: &str,
    (fewest, most): (usize, usize),
    given: usize,
) -> Option<(Kind, String, String)> {
    if (fewest..=most).contains(&given) {
        return None;
    }
    let takes = match fewest == most {
        true => plural(most, "argument", "arguments"),
        false => format!("{fewest} to {most} arguments"),
    };
    let given = if given == 0 { "none".to_owned() } else { given.to_string() };
    Some((
        Kind::ArgumentCount,
        format!("`{name}` takes {takes}, but is given {given}"),
        format!("takes {takes}"),
    ))
}

impl<'a> Checker<'a> {
    /// Schedules a call.
    pub(super) fn visit_call(
        &mut self,
        id: Id<ast::Expr>,
        name: &'a Name,
        arguments: &'a [Id<ast::Expr>],
    ) {
        let last = match (Builtin::of(&name.text), self.functions.get(&name.text)) {
            (Some(builtin), _)
                if !self.report_count(name, builtin.arguments(), arguments.len()) =>
            {
                Step::Build(id)
            }
            (None, Some(callee)) if !callee.broken => {
                let count = callee.tree.params.len();
                match self.report_count(name, (count, count), arguments.len()) {
                    false => Step::Call(id),
                    true => Step::Discard(arguments.len(), name.span),
                }
            }
            (None, None) => {
                let report = self.unknown_function(name, arguments.len());
                self.report(report);
                Step::Discard(arguments.len(), name.span)
            }
            (Some(_), _) | (None, Some(_)) => {
                self.failed = true;
                Step::Discard(arguments.len(), name.span)
            }
        };
        self.visit_all(arguments, last);
    }

    /// Whether a wrong number of arguments was reported.
    pub(super) fn report_count(
        &mut self,
        name: &Name,
        takes: (usize, usize),
        given: usize,
    ) -> bool {
        let Some((kind, message, here)) = argument_count(&name.text, takes, given) else {
            return false;
        };
        let mut report = self.mistake(kind, name.span, message, here);
        if let (Some(callee), None) = (self.functions.get(&name.text), self.frames.last())
            && callee.own
        {
            report = report.with(callee.tree.name.span, "defined here");
        }
        let help = match name.text.as_str() {
            "max" | "min" => format!("nest the calls: `{0}(a, {0}(b, c))`", name.text),
            _ => "add or remove arguments".to_owned(),
        };
        self.report(report.help(help));
        true
    }

    fn unknown_function(&self, name: &Name, given: usize) -> Diagnostic {
        let mut report = self.mistake(
            Kind::UnknownFunction,
            name.span,
            format!("no function is called `{}`", name.text),
            "unknown",
        );
        if self.tensor(&name.text).is_some() {
            report = report.help(format!("`{0}` is a tensor: write `{0}[..]`", name.text));
        } else {
            report = report.help(self.functions.suggestion(&name.text, given));
        }
        report
    }

    /// Starts the body of a function whose arguments are the last operands.
    pub(super) fn expand(&mut self, id: Id<ast::Expr>) {
        let ast::Expr { kind: ExprKind::Call(name, arguments), span } = self.tree_of(id) else {
            unreachable!("only calls are expanded")
        };
        let arguments = self.take(arguments.len());
        let callee =
            self.functions.get(&name.text).expect("only calls of known functions are expanded");
        if self.frames.len() >= DEEPEST_CALLS {
            let message = format!("calls are nested deeper than {DEEPEST_CALLS} functions");
            let report = self
                .mistake(Kind::TooLarge, *span, message, "one call too many")
                .help("give a part of it an equation of its own");
            self.report(report);
            return self.push(Value::Unknown, *span);
        }
        self.enter(callee, arguments, *span);
    }

    /// A call of a built-in function.
    pub(super) fn build_builtin(&mut self, name: &Name, count: usize, span: Span) {
        let arguments = self.take(count);
        let builtin = Builtin::of(&name.text).expect("only calls of built-in functions are built");
        let expr = match (builtin, arguments.as_slice()) {
            (Builtin::Float(operation), &[a]) => self.float_function(operation, a, span),
            (Builtin::Abs, &[a]) => self.abs(a, span),
            (Builtin::Extreme(operation), &[a, b]) => {
                if let (Value::Integer(x), Value::Integer(y)) = (a.value, b.value) {
                    let value = if operation == Binary::Min { x.min(y) } else { x.max(y) };
                    return self.push(Value::Integer(value), span);
                }
                self.extreme(operation, a, b, span)
            }
            (Builtin::Random, all) => self.random(all, span),
            (Builtin::Uniform, all) => {
                let bits = self.random(all, span);
                bits.map(|bits| self.unary(Unary::Uniform, bits, Scalar::F32, span))
            }
            (Builtin::Float(_) | Builtin::Abs | Builtin::Extreme(_), _) => {
                unreachable!("the number of arguments has been checked")
            }
        };
        self.push_expr(expr, span);
    }

    fn float_function(&mut self, operation: Unary, a: Operand, span: Span) -> Option<Id<Expr>> {
        let a = self.with_class(a, Class::Float)?;
        Some(self.unary(operation, a, Scalar::F32, span))
    }

    fn abs(&mut self, a: Operand, span: Span) -> Option<Id<Expr>> {
        let class =
            self.class(a.value).filter(|&class| class != Class::Bool).unwrap_or(Class::Integer);
        let a = self.with_class(a, class)?;
        Some(self.unary(Unary::Abs, a, class.scalar(), span))
    }

    fn random(&mut self, arguments: &[Operand], span: Span) -> Option<Id<Expr>> {
        let words: Vec<_> = arguments.iter().map(|&a| self.with_class(a, Class::Integer)).collect();
        let words = words.into_iter().collect::<Option<Vec<_>>>()?;
        Some(self.add(tensor::ExprKind::Random(words), Scalar::I32, span))
    }
}
