//! Integers from text, for tests: `c * L + l`, where capitals are sizes and
//! other names are index variables declared as `c < C` beforehand.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use crate::arena::{Arena, Id};
use crate::diagnostic::Span;
use crate::facts::Facts;
use crate::int::{Atom, IntId, Ints};
use crate::tensor::{Kernel, Size, Var};

/// Names in scope, with what they are.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    pub(crate) ints: Ints,
    pub(crate) facts: Facts,
    /// In the order of first use, which is the order of their handles.
    pub(crate) sizes: Vec<String>,
    pub(crate) vars: Arena<Var>,
    names: BTreeMap<String, IntId>,
}

impl Scope {
    /// `variables` such as `c < C, l < L`, a bare `x` being any integer;
    /// `facts` such as `S <= L, K % 128 == 0`.
    pub(crate) fn new(variables: &str, facts: &str) -> Self {
        let mut scope = Self::default();
        scope.declare(variables);
        for text in facts.split(',').filter(|t| !t.trim().is_empty()) {
            scope.assume(text);
        }
        scope
    }

    pub(crate) fn declare(&mut self, variables: &str) {
        let scope = self;
        for text in variables.split(',').filter(|t| !t.trim().is_empty()) {
            let (name, range) = text.split_once('<').unwrap_or((text, ""));
            let range = (!range.is_empty()).then(|| scope.int(range));
            let unbounded = scope.ints.constant(0);
            let name = name.trim().to_owned();
            let id = scope.vars.push(Var {
                name: name.clone(),
                range: range.unwrap_or(unbounded),
                span: Span::default(),
            });
            let int = scope.ints.of_atom(Atom::Var(id), range);
            scope.names.insert(name, int);
        }
    }

    /// A kernel of these sizes, variables and integers that computes nothing.
    pub(crate) fn kernel(&self) -> Kernel {
        let mut sizes = Arena::default();
        for name in &self.sizes {
            sizes.push(Size { name: name.clone(), default: None, span: Span::default() });
        }
        Kernel {
            name: "test".to_owned(),
            span: Span::default(),
            sizes,
            facts: Vec::new(),
            tensors: Arena::default(),
            vars: self.vars.clone(),
            ints: self.ints.clone(),
            exprs: Arena::default(),
            equations: Vec::new(),
        }
    }

    pub(crate) fn assume(&mut self, text: &str) {
        let (a, relation, b) = self.comparison(text);
        match relation {
            "==" => self.facts.assume_equal(&mut self.ints, a, b),
            "<=" => self.facts.assume_at_most(&mut self.ints, a, b),
            _ => self.facts.assume_less(&mut self.ints, a, b),
        }
    }

    pub(crate) fn proves(&mut self, text: &str) -> bool {
        let (a, relation, b) = self.comparison(text);
        match relation {
            "==" => self.facts.equal(&mut self.ints, a, b),
            "<=" => self.facts.at_most(&mut self.ints, a, b),
            _ => self.facts.less(&mut self.ints, a, b),
        }
    }

    pub(crate) fn comparison(&mut self, text: &str) -> (IntId, &'static str, IntId) {
        let relation = ["==", "<=", "<"].into_iter().find(|r| text.contains(r)).unwrap();
        let (a, b) = text.split_once(relation).unwrap();
        (self.int(a), relation, self.int(b))
    }

    pub(crate) fn int(&mut self, text: &str) -> IntId {
        let mut chars = text.chars().peekable();
        let int = self.sum(&mut chars);
        assert_eq!(peek(&mut chars), None, "{text}");
        int
    }

    fn sum(&mut self, chars: &mut Peekable<Chars<'_>>) -> IntId {
        let mut left = match peek(chars) {
            Some('-') => self.ints.constant(0),
            _ => self.product(chars),
        };
        while let Some(operator @ ('+' | '-')) = peek(chars) {
            chars.next();
            let right = self.product(chars);
            left = match operator {
                '+' => self.ints.add(left, right),
                _ => self.ints.sub(left, right),
            }
            .unwrap();
        }
        left
    }

    fn product(&mut self, chars: &mut Peekable<Chars<'_>>) -> IntId {
        let mut left = self.atom(chars);
        while let Some(operator @ ('*' | '/' | '%')) = peek(chars) {
            chars.next();
            let right = self.atom(chars);
            left = match operator {
                '*' => self.ints.mul(left, right),
                '/' => self.facts.div(&mut self.ints, left, right),
                _ => self.facts.rem(&mut self.ints, left, right),
            }
            .unwrap();
        }
        left
    }

    fn atom(&mut self, chars: &mut Peekable<Chars<'_>>) -> IntId {
        let mut word = String::new();
        if peek(chars) != Some('(') {
            while let Some(c) = chars.next_if(|c| c.is_alphanumeric()) {
                word.push(c);
            }
        }
        if let Ok(value) = word.parse() {
            return self.ints.constant(value);
        }
        if !word.is_empty() && word != "ceil" {
            return self.name(&word);
        }
        assert_eq!(peek(chars), Some('('), "after {word}");
        chars.next();
        let inner = if word == "ceil" { self.ceil(chars) } else { self.sum(chars) };
        assert_eq!(peek(chars), Some(')'));
        chars.next();
        inner
    }

    fn ceil(&mut self, chars: &mut Peekable<Chars<'_>>) -> IntId {
        let above = self.atom(chars);
        assert_eq!(peek(chars), Some('/'));
        chars.next();
        let below = self.atom(chars);
        self.ints.ceil_div(above, below).unwrap()
    }

    fn name(&mut self, name: &str) -> IntId {
        if let Some(&int) = self.names.get(name) {
            return int;
        }
        assert!(name.starts_with(char::is_uppercase), "undeclared {name}");
        let int = self.ints.of_atom(Atom::Size(Id::new(self.sizes.len())), None);
        self.sizes.push(name.to_string());
        self.names.insert(name.to_string(), int);
        int
    }
}

fn peek(chars: &mut Peekable<Chars<'_>>) -> Option<char> {
    while chars.next_if(|c| c.is_whitespace()).is_some() {}
    chars.peek().copied()
}

/// The same numbers on every run (splitmix64).
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Something in `0 .. bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) % bound as u64) as usize
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}
