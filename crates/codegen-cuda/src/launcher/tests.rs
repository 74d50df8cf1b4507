//! The launcher speaks in the sentences of the runtime, and writes formulas as
//! expressions that mean the same.

use tilec_manifest::{Formula, Launch, Operator, SizeParameter, Step, VERSION, Variant, sentences};

use super::*;

/// Hand-written C++ and the sentences that both sides share.
#[test]
fn sentences_are_those_of_the_runtime() {
    let text = [HOST, MAPS].concat();
    let formats = [
        sentences::size("%s", "%lld"),
        sentences::dimension("%s", "%d", "%lld"),
        sentences::elements("%s"),
        sentences::null("%s"),
        sentences::misaligned("%s", "%lld"),
        sentences::workspace("%lld", "%lld"),
        sentences::grid("%s"),
        sentences::overflow("%s"),
        sentences::capability("%s", "%d", "%d"),
        sentences::tensor_map("%s", "%d"),
    ];
    for format in formats {
        assert!(text.contains(&format!("\"{format}\"")), "no {format:?}");
    }
    let numbers = [
        ("value > INT32_MAX", sentences::LARGEST_SIZE, i64::from(i32::MAX)),
        (", workspace, 256)", sentences::WORKSPACE_ALIGNMENT.cast_signed(), 256),
        ("clustered > 8", sentences::PORTABLE_CLUSTER.into(), 8),
        ("shared_bytes > 48 * 1024", sentences::PLAIN_SHARED_BYTES.into(), 48 * 1024),
        ("grid.x.value > INT32_MAX || ", sentences::LARGEST_GRID[0], i64::from(i32::MAX)),
        ("grid.y.value > 65535 || grid.z.value > 65535", sentences::LARGEST_GRID[1], 65_535),
    ];
    for (part, shared, written) in numbers {
        assert_eq!(shared, written);
        assert!(text.contains(part), "no {part:?}");
    }
}

fn manifest() -> Manifest {
    let size = |name: &str| SizeParameter { name: name.to_owned(), default: None };
    Manifest {
        version: VERSION,
        kernel: "k".to_owned(),
        chip: "h200".to_owned(),
        arch: "sm_90a".to_owned(),
        source_sha256: String::new(),
        sizes: vec![size("M"), size("register"), size("INT_MAX")],
        arguments: vec![],
        checks: vec![],
        workspace_bytes: 0.into(),
        steps: vec![],
    }
}

#[test]
fn formulas_keep_their_meaning() {
    let manifest = manifest();
    let of = Of { manifest: &manifest, fields: Fields::new(&manifest), places: vec![] };
    let check = |formula: &Formula, expected: &str| assert_eq!(expression(&of, formula), expected);
    let m = || Formula::Size("M".to_owned());
    let apply = |op, a: Formula, b: Formula| Formula::Apply(op, Box::new(a), Box::new(b));
    check(&m().ceil_div(128), "(sizes.M + 127) / 128");
    check(&m().round_up(128), "(sizes.M + 127) / 128 * 128");
    check(&apply(Operator::Mul, m(), m().ceil_div(8)), "sizes.M * ((sizes.M + 7) / 8)");
    check(
        &apply(Operator::Sub, 5.into(), apply(Operator::Sub, m(), 1.into())),
        "Integer(5) - (sizes.M - 1)",
    );
    check(
        &apply(Operator::Min, m(), 5_000_000_000.into()),
        "smaller(sizes.M, INT64_C(5000000000))",
    );
    check(&apply(Operator::Mul, i64::MIN.into(), (-1).into()), "Integer(INT64_MIN) * (-1)");
    check(&Formula::Size("register".to_owned()), "sizes.register_");
    check(&Formula::Size("INT_MAX".to_owned()), "sizes.INT_MAX_");
}

#[test]
fn a_place_of_the_workspace_is_computed_in_one_function() {
    let bytes = Formula::Size("M".to_owned()).round_up(256);
    let pointer = |offset: Formula| Parameter::Pointer(Base::Workspace(offset));
    let parameters = vec![pointer(0.into()), pointer(bytes.clone()), pointer(512.into())];
    let launch = Launch {
        function: "f".to_owned(),
        grid: [1, 1, 1].map(Formula::Constant),
        block: [32, 1, 1],
        cluster: [1, 1, 1],
        shared_bytes: 0,
        parameters,
    };
    let step = || {
        let variant = Variant { when: vec![], launches: vec![launch.clone(), launch.clone()] };
        Step { computes: vec![], variants: vec![variant] }
    };
    let text = launcher(&Manifest { steps: vec![step(), step()], ..manifest() });
    let place = "inline Integer at_1([[maybe_unused]] const Sizes &sizes) {
        return (sizes.M + 255) / 256 * 256;
    }";
    assert_eq!(text.matches(place).count(), 1, "{text}");
    assert_eq!(text.matches("const Integer place = places::at_1(sizes);").count(), 4, "{text}");
    assert!(!text.contains("at_2("), "{text}");
}

#[test]
fn sentences_become_literals() {
    assert_eq!(quote("K % 128 == 0, or \"so\"\\?"), r#""K % 128 == 0, or \"so\"\\\?""#);
}
