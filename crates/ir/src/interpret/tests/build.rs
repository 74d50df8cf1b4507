//! Kernels by hand: sizes, inputs, outputs and locals first, in this order,
//! then expressions and equations.

use crate::array::{Array, Element};
use crate::interpret::interpret;
use crate::tensor::{
    Binary, Equation, Expr, ExprKind, Kernel, Order, Reduction, Role, Scalar, Size, Tensor, Unary,
    Var,
};
use crate::{Arena, Atom, Id, IntId, Ints, Launch, Span};

pub(crate) type E = Id<Expr>;
pub(crate) type V = Id<Var>;

pub(crate) struct Build(pub(crate) Kernel);

impl Build {
    pub(crate) fn new() -> Self {
        Self(Kernel {
            name: "test".into(),
            span: Span::default(),
            sizes: Arena::default(),
            facts: Vec::new(),
            tensors: Arena::default(),
            vars: Arena::default(),
            ints: Ints::default(),
            exprs: Arena::default(),
            equations: Vec::new(),
        })
    }

    pub(crate) fn size(&mut self, name: &str) -> IntId {
        let size = Size { name: name.into(), default: None, span: Span::default() };
        let id = self.0.sizes.push(size);
        self.0.ints.of_atom(Atom::Size(id), None)
    }

    pub(crate) fn tensor(
        &mut self,
        role: Role,
        name: &str,
        element: Scalar,
        shape: &[IntId],
    ) -> Id<Tensor> {
        let (name, span) = (name.into(), Span::default());
        self.0.tensors.push(Tensor { name, element, shape: shape.to_vec(), role, span })
    }

    pub(crate) fn var(&mut self, range: IntId) -> (V, IntId) {
        let var = Var { name: "v".into(), range, span: Span::default() };
        let id = self.0.vars.push(var);
        (id, self.0.ints.of_atom(Atom::Var(id), Some(range)))
    }

    pub(crate) fn number(&mut self, value: i64) -> IntId {
        self.0.ints.constant(value)
    }

    pub(crate) fn expr(&mut self, kind: ExprKind, ty: Scalar) -> E {
        self.0.exprs.push(Expr { kind, ty, span: Span::default() })
    }

    pub(crate) fn float(&mut self, x: f32) -> E {
        self.expr(ExprKind::Float(x), Scalar::F32)
    }

    pub(crate) fn int(&mut self, x: IntId) -> E {
        self.expr(ExprKind::Int(x), Scalar::I32)
    }

    pub(crate) fn read(&mut self, tensor: Id<Tensor>, index: &[IntId]) -> E {
        let ty = match self.0.tensors[tensor].element {
            ty if ty.is_float() => Scalar::F32,
            ty if ty.is_integer() => Scalar::I32,
            ty => ty,
        };
        self.expr(ExprKind::Read(tensor, index.to_vec()), ty)
    }

    pub(crate) fn gathered(&mut self, tensor: Id<Tensor>, index: &[IntId], bound: IntId) -> IntId {
        self.0.ints.of_atom(Atom::Read(tensor, index.to_vec()), Some(bound))
    }

    pub(crate) fn unary(&mut self, op: Unary, x: E) -> E {
        let ty = if op == Unary::Uniform { Scalar::F32 } else { self.0.exprs[x].ty };
        self.expr(ExprKind::Unary(op, x), ty)
    }

    pub(crate) fn binary(&mut self, op: Binary, a: E, b: E) -> E {
        let ty = match op {
            Binary::Add
            | Binary::Sub
            | Binary::Mul
            | Binary::Div
            | Binary::Rem
            | Binary::Min
            | Binary::Max => self.0.exprs[a].ty,
            Binary::Equal
            | Binary::NotEqual
            | Binary::Less
            | Binary::AtMost
            | Binary::Greater
            | Binary::AtLeast
            | Binary::And
            | Binary::Or => Scalar::Bool,
        };
        self.expr(ExprKind::Binary(op, a, b), ty)
    }

    pub(crate) fn select(&mut self, test: E, yes: E, no: E) -> E {
        let ty = self.0.exprs[yes].ty;
        self.expr(ExprKind::Select(test, yes, no), ty)
    }

    pub(crate) fn convert(&mut self, x: E, ty: Scalar) -> E {
        self.expr(ExprKind::Convert(x), ty)
    }

    pub(crate) fn reduce(&mut self, reduction: Reduction, vars: &[V], body: E) -> E {
        let ty = self.0.exprs[body].ty;
        self.expr(ExprKind::Reduce(reduction, vars.to_vec(), body), ty)
    }

    pub(crate) fn rank(&mut self, var: V, order: Order, key: E, place: IntId) -> E {
        let ty = Scalar::Idx(self.0.vars[var].range);
        self.expr(ExprKind::Rank { var, order, key, place }, ty)
    }

    pub(crate) fn equation(&mut self, tensor: Id<Tensor>, vars: &[V], value: E) {
        let (vars, span) = (vars.to_vec(), Span::default());
        self.0.equations.push(Equation { tensor, vars, value, span });
    }

    pub(crate) fn launch(&self, sizes: &[i64]) -> Launch {
        let size = |int| {
            let value = self.0.ints.eval(int, &mut |atom| {
                let Atom::Size(size) = atom else { return None };
                Some(sizes[size.index()])
            });
            usize::try_from(value.unwrap()).unwrap()
        };
        let shape = |(_, t): (_, &Tensor)| t.shape.iter().map(|&d| size(d)).collect();
        Launch { sizes: sizes.to_vec(), shapes: self.0.tensors.iter().map(shape).collect() }
    }

    /// The only output, as f32.
    pub(crate) fn run(&self, sizes: &[i64], inputs: &[Array]) -> Vec<f32> {
        crate::verify::assert_valid(&self.0);
        let outputs = interpret(&self.0, &self.launch(sizes), inputs, &|_| ()).unwrap();
        (0..outputs[0].len()).map(|at| outputs[0].get_f32(at)).collect()
    }
}

/// An array of a type, its elements converted.
pub(crate) fn array(element: Element, shape: &[usize], x: impl Fn(usize) -> f32) -> Array {
    let mut array = Array::zeros(element, shape).unwrap();
    (0..array.len()).for_each(|at| array.set_f32(at, x(at)));
    array
}
