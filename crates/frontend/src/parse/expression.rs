//! Expressions and sizes: from `if` down to atoms, in the precedence of the
//! grammar. Expressions go to the arena as soon as their operands have.
//!
//! Parentheses leave no node; they widen the place of what they hold.

use super::failure::Expect;
use super::state::{Context, Extra, Rule, Tokens, make, place};
use crate::ast::{Arithmetic, Binder, Element, Expr, ExprKind, Name, Reduction, Relation};
use crate::lexer::Token;
use chumsky::pratt::{infix, left};
use chumsky::prelude::{IterParser, Parser, Recursive, choice, just, recursive, select};
use tilec_ir::{Diagnostic, Id, Kind, Span};

/// A rule that makes an expression.
pub(super) type ExprRule<'src> = Rule<'src, Id<Expr>>;

/// A name.
pub(super) fn name<'src>() -> Rule<'src, Name> {
    select! { Token::Name(text) => text }
        .map_with(|text: &str, e| Name { text: text.to_owned(), span: place(e) })
        .labelled(Expect::Name)
        .boxed()
}

/// A list in brackets: `open item, item close`.
pub(super) fn list<'src, O: 'src>(
    open: Token<'src>,
    item: impl Parser<'src, Tokens<'src>, O, Extra<'src>> + 'src,
    close: Token<'src>,
) -> Rule<'src, Vec<O>> {
    item.separated_by(just(Token::Comma))
        .at_least(1)
        .collect()
        .delimited_by(just(open), just(close))
        .boxed()
}

/// A list in square brackets.
pub(super) fn in_brackets<'src, O: 'src>(
    item: impl Parser<'src, Tokens<'src>, O, Extra<'src>> + 'src,
) -> Rule<'src, Vec<O>> {
    list(Token::OpenBracket, item, Token::CloseBracket)
}

/// A list in parentheses.
pub(super) fn in_parens<'src, O: 'src>(
    item: impl Parser<'src, Tokens<'src>, O, Extra<'src>> + 'src,
) -> Rule<'src, Vec<O>> {
    list(Token::OpenParen, item, Token::CloseParen)
}

/// Something in parentheses, whose place they widen.
fn parenthesized<'src>(inner: ExprRule<'src>) -> ExprRule<'src> {
    inner
        .delimited_by(just(Token::OpenParen), just(Token::CloseParen))
        .map_with(|id: Id<Expr>, e| {
            let span = place(e);
            e.state().exprs[id.index()].span = span;
            id
        })
        .boxed()
}

/// Sums of products over a kind of operand, from the left.
fn arithmetic<'src>(operand: ExprRule<'src>, label: Expect) -> ExprRule<'src> {
    use Arithmetic::{Add, Div, Mul, Rem, Sub};
    let sums = select! { Token::Plus => Add, Token::Minus => Sub }.labelled(label);
    let products =
        select! { Token::Star => Mul, Token::Slash => Div, Token::Percent => Rem }.labelled(label);
    let fold = |a, op, b, e: &mut Context<'src, '_>| make(ExprKind::Arithmetic(op, a, b), e);
    operand.pratt((infix(left(1), sums, fold), infix(left(2), products, fold))).boxed()
}

/// A size: arithmetic over names and whole numbers.
pub(super) fn size<'src>() -> ExprRule<'src> {
    recursive(|size: Recursive<dyn Parser<'src, Tokens<'src>, Id<Expr>, Extra<'src>>>| {
        let size = size.boxed();
        let number = select! {
            Token::Integer(value) => ExprKind::Integer(value),
            Token::BadNumber => ExprKind::Error,
        };
        let ceil = just(Token::Name("ceil"))
            .ignore_then(size.clone().delimited_by(just(Token::OpenParen), just(Token::CloseParen)))
            .map_with(ceil_of);
        let atom = choice((
            number.map_with(make),
            ceil,
            name().map_with(|name, e| make(ExprKind::Name(name), e)),
            parenthesized(size),
        ))
        .labelled(Expect::Size)
        .boxed();
        arithmetic(atom, Expect::SizeOperator)
    })
    .boxed()
}

/// `ceil(X / 128)`, from the quotient that was read.
fn ceil_of(quotient: Id<Expr>, e: &mut Context<'_, '_>) -> Id<Expr> {
    let span = place(e);
    let state = e.state();
    if let ExprKind::Arithmetic(Arithmetic::Div, size, by) = state.exprs[quotient.index()].kind
        && matches!(state.exprs[by.index()].kind, ExprKind::Integer(_) | ExprKind::Error)
    {
        // The quotient is the last expression made, and nothing else refers to it.
        state.exprs.truncate(quotient.index());
        return state.push(ExprKind::Ceil(size, by), span);
    }
    let report = Diagnostic::new(
        Kind::Expected,
        state.span(quotient),
        "`ceil` rounds up a size divided by a number",
    )
    .here("expected a size, `/` and a whole number")
    .help("write for instance `ceil(K / 128)`");
    state.reports.push(report);
    state.push(ExprKind::Error, span)
}

/// `i` or `i < N`
pub(super) fn binder<'src>(size: ExprRule<'src>) -> Rule<'src, Binder> {
    name()
        .then(just(Token::Less).ignore_then(size).or_not())
        .map_with(|(name, range), e| Binder { name, range, span: place(e) })
        .boxed()
}

/// `f32`, `idx<N>` and the other element types.
pub(super) fn element<'src>(size: ExprRule<'src>) -> Rule<'src, Element> {
    let plain = select! {
        Token::F32 => Element::F32,
        Token::Bf16 => Element::Bf16,
        Token::F16 => Element::F16,
        Token::F8E4M3 => Element::F8E4M3,
        Token::F8E5M2 => Element::F8E5M2,
        Token::I32 => Element::I32,
        Token::I8 => Element::I8,
        Token::U8 => Element::U8,
        Token::Bool => Element::Bool,
    };
    let index = just(Token::Idx)
        .ignore_then(size.delimited_by(just(Token::Less), just(Token::Greater)))
        .map(Element::Idx);
    choice((plain, index)).labelled(Expect::Type).boxed()
}

/// An expression.
pub(super) fn expression<'src>(size: ExprRule<'src>) -> ExprRule<'src> {
    recursive(|expr: Recursive<dyn Parser<'src, Tokens<'src>, Id<Expr>, Extra<'src>>>| {
        let expr = expr.boxed();
        let conditional = just(Token::If)
            .ignore_then(expr.clone())
            .then_ignore(just(Token::Then))
            .then(expr.clone())
            .then_ignore(just(Token::Else))
            .then(expr.clone())
            .map_with(|((test, yes), no), e| make(ExprKind::If(test, yes, no), e));
        choice((conditional, logic(comparison(unary(atom(expr, size))))))
            .labelled(Expect::Operand)
            .boxed()
    })
    .boxed()
}

/// `either` and `both` of the grammar, over comparisons.
fn logic<'src>(comparison: ExprRule<'src>) -> ExprRule<'src> {
    let test = choice((
        just(Token::Not).ignore_then(comparison.clone()).map_with(|a, e| make(ExprKind::Not(a), e)),
        comparison,
    ))
    .labelled(Expect::Operand)
    .boxed();
    let and = just(Token::And).labelled(Expect::Operator);
    let or = just(Token::Or).labelled(Expect::Operator);
    test.pratt((
        infix(left(1), or, |a, _, b, e: &mut Context<'src, '_>| make(ExprKind::Or(a, b), e)),
        infix(left(2), and, |a, _, b, e: &mut Context<'src, '_>| make(ExprKind::And(a, b), e)),
    ))
    .boxed()
}

/// The six comparisons.
pub(super) fn relation<'src>() -> Rule<'src, Relation> {
    select! {
        Token::Equal => Relation::Equal,
        Token::NotEqual => Relation::NotEqual,
        Token::Less => Relation::Less,
        Token::AtMost => Relation::AtMost,
        Token::Greater => Relation::Greater,
        Token::AtLeast => Relation::AtLeast,
    }
    .boxed()
}

/// At most one comparison. A chain is read to its end and reported.
fn comparison<'src>(operand: ExprRule<'src>) -> ExprRule<'src> {
    let sum = arithmetic(operand, Expect::Operator);
    let more = relation()
        .labelled(Expect::Operator)
        .map_with(|relation, e| (relation, place(e)))
        .then(sum.clone())
        .repeated()
        .collect::<Vec<_>>();
    sum.then(more).map_with(compare).boxed()
}

/// A comparison with its place, and the operand behind it.
type Compared = ((Relation, Span), Id<Expr>);

/// The comparison of an operand with those that follow it.
fn compare((first, more): (Id<Expr>, Vec<Compared>), e: &mut Context<'_, '_>) -> Id<Expr> {
    match more[..] {
        [] => first,
        [((relation, _), second)] => make(ExprKind::Compare(relation, first, second), e),
        [((_, one), middle), ((_, two), _), ..] => {
            let state = e.state();
            let again = state.span(middle);
            let report = Diagnostic::new(Kind::Expected, two, "comparisons can't be chained")
                .here("the second comparison")
                .with(one, "the first comparison")
                .with(again, "belongs to both")
                .help("compare twice and join with `and`: `0 <= i and i < N`");
            state.reports.push(report);
            make(ExprKind::Error, e)
        }
    }
}

/// An atom, possibly negated.
fn unary<'src>(atom: ExprRule<'src>) -> ExprRule<'src> {
    choice((
        just(Token::Minus).ignore_then(atom.clone()).map_with(|a, e| make(ExprKind::Negate(a), e)),
        atom,
    ))
    .labelled(Expect::Operand)
    .boxed()
}

/// What binds tightest.
fn atom<'src>(expr: ExprRule<'src>, size: ExprRule<'src>) -> ExprRule<'src> {
    let literal = select! {
        Token::Integer(value) => ExprKind::Integer(value),
        Token::Fraction(value) => ExprKind::Fraction(value),
        Token::Inf => ExprKind::Infinity,
        Token::BadNumber => ExprKind::Error,
    }
    .map_with(make);
    let arguments = in_parens(expr.clone());
    choice((
        literal,
        named(expr.clone(), arguments.clone()),
        reduction(expr.clone(), binder(size.clone()), arguments.clone()),
        ordering(expr.clone(), binder(size.clone())),
        conversion(arguments, element(size)),
        parenthesized(expr),
    ))
    .labelled(Expect::Operand)
    .boxed()
}

/// What follows a name.
enum After {
    Nothing,
    Indices(Vec<Id<Expr>>),
    Arguments(Vec<Id<Expr>>),
}

/// `name`, `name[..]` and `name(..)`
fn named<'src>(expr: ExprRule<'src>, arguments: Rule<'src, Vec<Id<Expr>>>) -> ExprRule<'src> {
    let after = choice((in_brackets(expr).map(After::Indices), arguments.map(After::Arguments)));
    name()
        .then(
            after.labelled(Expect::Operator).or_not().map(|after| after.unwrap_or(After::Nothing)),
        )
        .map_with(|(name, after), e| {
            let kind = match after {
                After::Nothing => ExprKind::Name(name),
                After::Indices(indices) => ExprKind::Read(name, indices),
                After::Arguments(arguments) => ExprKind::Call(name, arguments),
            };
            make(kind, e)
        })
        .boxed()
}

/// What follows `max` and `min`, or `sum` and `prod`.
enum Reduced {
    Over(Vec<Binder>, Id<Expr>),
    Of(Vec<Id<Expr>>),
}

/// `sum[k](..)` and the like, and the functions `max(a, b)` and `min(a, b)`.
fn reduction<'src>(
    expr: ExprRule<'src>,
    binder: Rule<'src, Binder>,
    arguments: Rule<'src, Vec<Id<Expr>>>,
) -> ExprRule<'src> {
    let over = in_brackets(binder)
        .then(parenthesized(expr))
        .map(|(binders, body)| Reduced::Over(binders, body))
        .boxed();
    let only = select! { Token::Sum => Reduction::Sum, Token::Prod => Reduction::Prod };
    let either = select! { Token::Max => Reduction::Max, Token::Min => Reduction::Min };
    let word =
        |rule: Rule<'src, Reduction>| rule.map_with(|op, e: &mut Context<'src, '_>| (op, place(e)));
    choice((
        word(only.boxed()).then(over.clone()),
        word(either.boxed()).then(choice((over, arguments.map(Reduced::Of)))),
    ))
    .map_with(|((op, span), what), e| {
        let kind = match what {
            Reduced::Over(binders, body) => ExprKind::Reduce(op, binders, body),
            Reduced::Of(arguments) => {
                let text = if op == Reduction::Max { "max" } else { "min" };
                ExprKind::Call(Name { text: text.to_owned(), span }, arguments)
            }
        };
        make(kind, e)
    })
    .boxed()
}

/// `argsort[v desc](key)[place]` and `argmax[v](key)`
fn ordering<'src>(expr: ExprRule<'src>, binder: Rule<'src, Binder>) -> ExprRule<'src> {
    let direction = select! { Token::Name("desc") => true, Token::Name("asc") => false }
        .labelled(Expect::Direction);
    let argsort = just(Token::Argsort)
        .ignore_then(
            binder
                .clone()
                .then(direction)
                .delimited_by(just(Token::OpenBracket), just(Token::CloseBracket)),
        )
        .then(parenthesized(expr.clone()))
        .then(expr.clone().delimited_by(just(Token::OpenBracket), just(Token::CloseBracket)))
        .map(|(((binder, descending), key), place)| ExprKind::Argsort {
            binder,
            descending,
            key,
            place: Some(place),
        });
    let argmax = just(Token::Argmax)
        .ignore_then(binder.delimited_by(just(Token::OpenBracket), just(Token::CloseBracket)))
        .then(parenthesized(expr))
        .map(|(binder, key)| ExprKind::Argsort { binder, descending: true, key, place: None });
    choice((argsort, argmax)).map_with(make).boxed()
}

/// `bf16(x)`, `idx<N>(x)` and `round_stochastic<f8e4m3>(x, r)`
fn conversion<'src>(
    arguments: Rule<'src, Vec<Id<Expr>>>,
    element: Rule<'src, Element>,
) -> ExprRule<'src> {
    let round = just(Token::RoundStochastic)
        .ignore_then(element.clone().delimited_by(just(Token::Less), just(Token::Greater)))
        .then(arguments.clone())
        .map(|(element, arguments)| ExprKind::RoundStochastic(element, arguments));
    let convert =
        element.then(arguments).map(|(element, arguments)| ExprKind::Convert(element, arguments));
    choice((round, convert)).map_with(make).boxed()
}
