//! Sizes to launches, and the sentences for those that are refused.

use tilec_manifest::{Check, Condition, Operator, Relation, SizeParameter, Step, VERSION, Variant};

use super::*;

fn size(name: &str) -> Formula {
    Formula::Size(name.to_owned())
}

fn argument(name: &str, output: bool, shape: Vec<Formula>) -> Argument {
    let (name, element) = (name.to_owned(), "f32".to_owned());
    Argument { name, output, element, element_bytes: 4, shape, alignment: 16 }
}

fn launch(function: &str, grid: Formula) -> Launch {
    let map = TensorMap {
        base: Base::Argument("x".to_owned()),
        element: MapElement::F32,
        sizes: vec![size("N"), size("M")],
        strides: vec![Formula::apply(Operator::Mul, size("N"), 4.into())],
        tile: vec![32, 64],
        swizzle: Swizzle::B128,
    };
    Launch {
        function: function.to_owned(),
        grid: [grid, 1.into(), 1.into()],
        block: [128, 1, 1],
        cluster: [1, 1, 1],
        shared_bytes: 0,
        parameters: vec![
            Parameter::Pointer(Base::Argument("y".to_owned())),
            Parameter::Pointer(Base::Workspace(size("N").round_up(256))),
            Parameter::Scalar("by".to_owned()),
            Parameter::Size(size("N")),
            Parameter::TensorMap(map),
        ],
    }
}

/// y[M, N] from x[M, N] and a scalar, by one of two functions; N is even.
fn manifest() -> Manifest {
    let small = Condition { left: size("M"), relation: Relation::AtMost, right: 16.into() };
    let half = Formula::apply(Operator::Div, size("N"), 2.into());
    let even = Formula::apply(Operator::Mul, half, 2.into());
    let is_even = Condition { left: even, relation: Relation::Equal, right: size("N") };
    let variant =
        |when, function: &str, grid| Variant { when, launches: vec![launch(function, grid)] };
    Manifest {
        version: VERSION,
        kernel: "k".to_owned(),
        chip: "h200".to_owned(),
        arch: "sm_90a".to_owned(),
        source_sha256: String::new(),
        sizes: ["M", "N"]
            .map(|name| SizeParameter { name: name.to_owned(), default: None })
            .to_vec(),
        arguments: vec![
            argument("x", false, vec![size("M"), size("N")]),
            argument("by", false, vec![]),
            argument("y", true, vec![size("M"), size("N")]),
        ],
        checks: vec![Check { condition: is_even, message: "N is even".to_owned() }],
        workspace_bytes: Formula::apply(Operator::Mul, size("M"), size("N")),
        steps: vec![Step {
            computes: vec!["y (line 3)".to_owned()],
            variants: vec![
                variant(vec![small], "few", size("M")),
                variant(vec![], "many", size("M").ceil_div(64)),
            ],
        }],
    }
}

#[test]
fn the_first_variant_that_fits_is_launched() {
    let check = |sizes: [i64; 2], function: Option<&str>, blocks| {
        let resolved = resolve(&manifest(), &sizes).unwrap();
        let launches: Vec<_> =
            resolved.launches.iter().map(|l| (l.function.as_str(), l.grid[0])).collect();
        let expected: Vec<_> = function.into_iter().map(|name| (name, blocks)).collect();
        assert_eq!(launches, expected, "{sizes:?}");
    };
    check([0, 8], None, 0);
    check([16, 8], Some("few"), 16);
    check([17, 8], Some("many"), 1);
    check([129, 0], Some("many"), 3);
}

#[test]
fn parameters_are_computed() {
    let resolved = resolve(&manifest(), &[100, 8]).unwrap();
    assert_eq!(resolved.workspace_bytes, 800);
    assert_eq!(resolved.argument_bytes, [3200, 4, 3200]);
    let [y, workspace, by, n, map] = resolved.launches[0].parameters.as_slice() else {
        panic!("there are five parameters");
    };
    assert_eq!(*y, Passed::Address(Place::Argument(2)));
    assert_eq!(*workspace, Passed::Address(Place::Workspace(256)));
    assert_eq!((by, n), (&Passed::Scalar(1), &Passed::Size(8)));
    let Passed::Map(Some(map)) = map else { panic!("it is a map") };
    assert_eq!((map.sizes.as_slice(), map.strides.as_slice()), (&[8, 100][..], &[32][..]));
    let empty = resolve(&manifest(), &[100, 0]).unwrap();
    assert_eq!(empty.launches[0].parameters[4], Passed::Map(None));
}

#[test]
fn wrong_sizes_are_refused_with_a_sentence() {
    let check = |sizes: &[i64], says: &str| match resolve(&manifest(), sizes) {
        Err(Error::Refused(sentence)) => assert_eq!(sentence, says),
        other => panic!("{other:?} for {sizes:?}"),
    };
    check(&[1, -2], &sentences::size("N", -2));
    check(&[1 << 31, 2], &sentences::size("M", 1i64 << 31));
    check(&[1, 3], "N is even");
    check(&[1], "1 sizes are given, and k has 2");
    check(&[i64::from(i32::MAX), i64::from(i32::MAX) - 1], &sentences::elements("x"));
}

#[test]
fn dimensions_grids_and_numbers_have_limits() {
    let change = |change: &dyn Fn(&mut Manifest), sizes: [i64; 2]| {
        let mut manifest = manifest();
        change(&mut manifest);
        resolve(&manifest, &sizes).unwrap_err().to_string()
    };
    let twice = Formula::apply(Operator::Mul, size("M"), 1_000_000.into());
    let tall = |m: &mut Manifest| m.arguments[2].shape[0] = twice.clone();
    assert_eq!(change(&tall, [4096, 2]), sentences::dimension("y", 0, 4_096_000_000u64));
    let wide = |m: &mut Manifest| m.steps[0].variants[1].launches[0].grid[1] = size("N");
    assert_eq!(change(&wide, [17, 65_536]), sentences::grid("many"));
    let below = Formula::apply(Operator::Sub, size("M"), 100.into());
    let negative = |m: &mut Manifest| m.workspace_bytes = below.clone();
    assert_eq!(change(&negative, [1, 2]), sentences::overflow("the workspace"));
    let unknown = |m: &mut Manifest| {
        m.steps[0].variants[0].launches[0].parameters[2] = Parameter::Scalar("z".to_owned());
    };
    assert!(change(&unknown, [1, 2]).contains("no argument `z`"));
    let open = |m: &mut Manifest| m.steps[0].variants.truncate(1);
    assert!(change(&open, [17, 2]).contains("no variant of y (line 3)"));
}
