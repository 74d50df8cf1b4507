//! Everything that is not an expression: the heads of kernels, functions,
//! equations and the entries of tile blocks.

use super::expression::{
    ExprRule, binder, element, expression, in_brackets, in_parens, name, relation, size,
};
use super::failure::Expect;
use super::state::{Context, Extra, Rule, Tokens, place};
use crate::ast::{
    Binder, Element, Entry, Equation, Expr, Fact, FactKind, Function, Kernel, Name, Param,
    Relation, Setting, SettingValue, SizeParam,
};
use crate::lexer::Token;
use chumsky::prelude::{
    IterParser, Parser, Recursive, any, choice, end, just, recursive, select, via_parser,
};
use tilec_ir::{Diagnostic, Id, Kind};

/// The rules that are run on slices of a file, built once per file.
pub(super) struct Rules<'src> {
    /// A kernel up to and with its `{`, without its equations.
    pub(super) kernel: Rule<'src, Kernel>,
    /// A whole function.
    pub(super) function: Rule<'src, Function>,
    /// A tile block up to and with its `{`: its kernel and its chip.
    pub(super) tiling: Rule<'src, (Name, Name)>,
    /// One entry of a tile block.
    pub(super) entry: Rule<'src, Entry>,
    /// One equation.
    pub(super) equation: Rule<'src, Equation>,
    /// What stands before the `=` of an equation, and that.
    pub(super) target: Rule<'src, (Name, Vec<Binder>)>,
}

impl Rules<'_> {
    /// Builds all rules.
    pub(super) fn new() -> Self {
        let size = size();
        let expr = expression(size.clone());
        let target = target(size.clone());
        Self {
            kernel: kernel(size),
            function: function(expr.clone()),
            tiling: tiling(),
            entry: entry(),
            equation: equation(target.clone(), expr),
            target,
        }
    }
}

/// `name[i, j] =`
fn target<'src>(size: ExprRule<'src>) -> Rule<'src, (Name, Vec<Binder>)> {
    name()
        .then(in_brackets(binder(size)).or_not().map(Option::unwrap_or_default))
        .then_ignore(just(Token::Assign))
        .boxed()
}

/// `name[i, j] = value`
fn equation<'src>(
    target: Rule<'src, (Name, Vec<Binder>)>,
    expr: ExprRule<'src>,
) -> Rule<'src, Equation> {
    target
        .then(expr)
        .then_ignore(end())
        .map_with(|((name, binders), value), e| Equation { name, binders, value, span: place(e) })
        .boxed()
}

/// `fn name(x, y) = body`
fn function<'src>(expr: ExprRule<'src>) -> Rule<'src, Function> {
    just(Token::Fn)
        .ignore_then(name())
        .then(in_parens(name()))
        .then_ignore(just(Token::Assign))
        .then(expr)
        .then_ignore(end())
        .map_with(|((name, params), body), e| Function { name, params, body, span: place(e) })
        .boxed()
}

/// `kernel name[sizes](inputs) -> (outputs) where facts {`
fn kernel<'src>(size: ExprRule<'src>) -> Rule<'src, Kernel> {
    let params = params(size.clone());
    let facts = just(Token::Where)
        .ignore_then(fact(size).separated_by(just(Token::Comma)).at_least(1).collect::<Vec<_>>())
        .or_not()
        .map(Option::unwrap_or_default);
    just(Token::Kernel)
        .ignore_then(name())
        .then(in_brackets(size_param()))
        .then(params.clone())
        .then_ignore(just(Token::Arrow))
        .then(params)
        .then(facts)
        .then_ignore(just(Token::OpenBrace))
        .then_ignore(end())
        .map_with(|((((name, sizes), inputs), outputs), facts), e| Kernel {
            name,
            sizes,
            inputs,
            outputs,
            facts,
            equations: Vec::new(),
            span: place(e),
        })
        .boxed()
}

/// `S` or `S = 8`
fn size_param<'src>() -> Rule<'src, SizeParam> {
    let value = select! { Token::Integer(value) => Some(value), Token::BadNumber => None }
        .labelled(Expect::Integer);
    name()
        .then(just(Token::Assign).ignore_then(value).or_not().map(Option::flatten))
        .map(|(name, default)| SizeParam { name, default })
        .boxed()
}

/// `(name: type, name: type)`, possibly empty or with a comma at the end
fn params<'src>(size: ExprRule<'src>) -> Rule<'src, Vec<Param>> {
    let shape = in_brackets(size.clone()).or_not().map(Option::unwrap_or_default);
    // Without a look at what follows, `f32[N *]` would be read as an `f32`.
    let done = choice((just(Token::Comma), just(Token::CloseParen))).rewind();
    let param = name()
        .then_ignore(just(Token::Colon))
        .then(element(size))
        .then(shape)
        .map_with(|((name, element), shape), e| Param { name, element, shape, span: place(e) })
        .then_ignore(done)
        .boxed();
    param
        .recover_with(via_parser(unread_param()))
        .separated_by(just(Token::Comma))
        .allow_trailing()
        .collect()
        .delimited_by(just(Token::OpenParen), just(Token::CloseParen))
        .boxed()
}

/// Skips a parameter that can't be read, so that the next is read as well. The
/// head is dropped then; this only has to make some parameter.
fn unread_param<'src>() -> Rule<'src, Param> {
    let group = recursive(|group: Recursive<dyn Parser<'src, Tokens<'src>, (), Extra<'src>>>| {
        let inner = group.repeated().boxed();
        choice((
            inner.clone().delimited_by(just(Token::OpenParen), just(Token::CloseParen)),
            inner.delimited_by(just(Token::OpenBracket), just(Token::CloseBracket)),
            any().filter(|token: &Token<'_>| !token.opens() && token.closes().is_none()).ignored(),
        ))
        .boxed()
    });
    group
        .and_is(just(Token::Comma).not())
        .repeated()
        .at_least(1)
        .map_with(|(), e| {
            let span = place(e);
            Param {
                name: Name { text: String::new(), span },
                element: Element::F32,
                shape: Vec::new(),
                span,
            }
        })
        .boxed()
}

/// `a <= b` or `sorted(x)`
fn fact<'src>(size: ExprRule<'src>) -> Rule<'src, Fact> {
    let property = |word, make: fn(Name) -> FactKind| {
        just::<_, Tokens<'src>, Extra<'src>>(Token::Name(word))
            .ignore_then(name().delimited_by(just(Token::OpenParen), just(Token::CloseParen)))
            .map(make)
            .boxed()
    };
    let compare = size
        .clone()
        .then(relation().labelled(Expect::Relation))
        .then(size)
        .map_with(|((a, relation), b), e| {
            refuse_relation(relation, [a, b], e);
            FactKind::Compare(a, relation, b)
        })
        .boxed();
    choice((property("sorted", FactKind::Sorted), property("finite", FactKind::Finite), compare))
        .map_with(|kind, e| Fact { kind, span: place(e) })
        .boxed()
}

/// Reports a relation that facts don't know.
fn refuse_relation(relation: Relation, sides: [Id<Expr>; 2], e: &mut Context<'_, '_>) {
    let state = e.state();
    let [a, b] = sides.map(|side| state.text.get(state.span(side).range()).unwrap_or(".."));
    let (written, help) = match relation {
        Relation::Equal | Relation::Less | Relation::AtMost => return,
        Relation::NotEqual => {
            ("!=", format!("state which way they differ: `{a} < {b}` or `{b} < {a}`"))
        }
        Relation::Greater => (">", format!("turn it around: `{b} < {a}`")),
        Relation::AtLeast => (">=", format!("turn it around: `{b} <= {a}`")),
    };
    let span = place(e);
    let report =
        Diagnostic::new(Kind::Expected, span, format!("facts are not stated with `{written}`"))
            .here("expected `==`, `<=` or `<` between two sizes")
            .help(help);
    e.state().reports.push(report);
}

/// `tile kernel on chip {`
fn tiling<'src>() -> Rule<'src, (Name, Name)> {
    just(Token::Tile)
        .ignore_then(name())
        .then_ignore(just(Token::On))
        .then(name())
        .then_ignore(just(Token::OpenBrace))
        .then_ignore(end())
        .boxed()
}

/// `key: name = value, name = value`
fn entry<'src>() -> Rule<'src, Entry> {
    let number = select! { Token::Integer(value) => SettingValue::Integer(value) };
    let word = select! {
        Token::Name(word) => word,
        Token::F32 => "f32",
        Token::Bf16 => "bf16",
        Token::F16 => "f16",
        Token::F8E4M3 => "f8e4m3",
        Token::F8E5M2 => "f8e5m2",
        Token::I32 => "i32",
        Token::I8 => "i8",
        Token::U8 => "u8",
    }
    .map(|word| SettingValue::Word(word.to_owned()));
    let value = choice((number, word, just(Token::BadNumber).to(SettingValue::Integer(0))))
        .map_with(|value, e| (value, place(e)))
        .labelled(Expect::Setting);
    let setting = name()
        .then_ignore(just(Token::Assign))
        .then(value)
        .map(|(name, (value, span))| Setting { name, value, span })
        .boxed();
    name()
        .then_ignore(just(Token::Colon))
        .then(setting.separated_by(just(Token::Comma)).at_least(1).collect())
        .then_ignore(end())
        .map(|(key, settings)| Entry { key, settings })
        .boxed()
}
