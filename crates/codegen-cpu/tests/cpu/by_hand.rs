//! Kernels built without the front end, against plain loops.

use tilec_codegen_cpu::compile;
use tilec_ir::tensor::{
    Binary, Equation, Expr, ExprKind, Reduction, Role, Scalar, Size, Tensor, Unary, Var,
};
use tilec_ir::{Array, Atom, Data, Element, Id, IntId, Kernel, Launch, Span};

/// A kernel under construction.
struct Builder(Kernel);

impl Builder {
    fn new(name: &str) -> Self {
        Self(Kernel {
            name: name.to_owned(),
            span: Span::default(),
            sizes: Default::default(),
            facts: Vec::new(),
            tensors: Default::default(),
            vars: Default::default(),
            ints: Default::default(),
            exprs: Default::default(),
            equations: Vec::new(),
        })
    }

    fn size(&mut self, name: &str) -> IntId {
        let size = Size { name: name.to_owned(), default: None, span: Span::default() };
        let id = self.0.sizes.push(size);
        self.0.ints.of_atom(Atom::Size(id), None)
    }

    fn tensor(&mut self, name: &str, element: Scalar, shape: &[IntId], role: Role) -> Id<Tensor> {
        let (name, shape) = (name.to_owned(), shape.to_vec());
        self.0.tensors.push(Tensor { name, element, shape, role, span: Span::default() })
    }

    fn var(&mut self, name: &str, range: IntId) -> (Id<Var>, IntId) {
        let id = self.0.vars.push(Var { name: name.to_owned(), range, span: Span::default() });
        (id, self.0.ints.of_atom(Atom::Var(id), Some(range)))
    }

    fn expr(&mut self, ty: Scalar, kind: ExprKind) -> Id<Expr> {
        self.0.exprs.push(Expr { kind, ty, span: Span::default() })
    }

    fn read(&mut self, tensor: Id<Tensor>, index: &[IntId]) -> Id<Expr> {
        let ty = self.0.tensors[tensor].element;
        self.expr(ty, ExprKind::Read(tensor, index.to_vec()))
    }

    fn equation(&mut self, tensor: Id<Tensor>, vars: &[Id<Var>], value: Id<Expr>) {
        let vars = vars.to_vec();
        self.0.equations.push(Equation { tensor, vars, value, span: Span::default() });
    }
}

fn floats(shape: &[usize], f: impl Fn(usize) -> f32) -> Array {
    let count = shape.iter().product();
    let data = Data::F32((0..count).map(f).collect());
    Array { element: Element::F32, shape: shape.to_vec(), data }
}

fn values(array: &Array) -> &[f32] {
    let Data::F32(x) = &array.data else { panic!("not f32: {:?}", array.element) };
    x
}

/// `y[m, n] = exp(x[m, n]) / sum[k](exp(x[m, k]))`
fn softmax() -> Kernel {
    let mut b = Builder::new("softmax");
    let (rows, columns) = (b.size("M"), b.size("N"));
    let x = b.tensor("x", Scalar::F32, &[rows, columns], Role::Input);
    let y = b.tensor("y", Scalar::F32, &[rows, columns], Role::Output);
    let ((m, m_int), (n, n_int), (k, k_int)) =
        (b.var("m", rows), b.var("n", columns), b.var("k", columns));
    let here = b.read(x, &[m_int, n_int]);
    let here = b.expr(Scalar::F32, ExprKind::Unary(Unary::Exp, here));
    let there = b.read(x, &[m_int, k_int]);
    let there = b.expr(Scalar::F32, ExprKind::Unary(Unary::Exp, there));
    let sum = b.expr(Scalar::F32, ExprKind::Reduce(Reduction::Sum, vec![k], there));
    let value = b.expr(Scalar::F32, ExprKind::Binary(Binary::Div, here, sum));
    b.equation(y, &[m, n], value);
    b.0
}

#[test]
fn softmax_of_all_shapes() {
    let compiled = compile(&softmax()).unwrap();
    for (m, n) in [(0, 5), (3, 0), (1, 1), (4, 63), (7, 129), (65, 1000)] {
        let x = floats(&[m, n], |i| (i % 17) as f32 * 0.25 - 2.0);
        let launch =
            Launch { sizes: vec![m as i64, n as i64], shapes: vec![vec![m, n], vec![m, n]] };
        let y = compiled.run(&launch, std::slice::from_ref(&x)).unwrap();
        for (row, out) in values(&x).chunks(n.max(1)).zip(values(&y[0]).chunks(n.max(1))) {
            let sum: f32 = row.iter().map(|x| x.exp()).sum();
            for (x, y) in row.iter().zip(out) {
                assert!((y - x.exp() / sum).abs() <= 1e-5 * y.abs(), "{m} x {n}: {y}");
            }
        }
    }
}
