//! The canonical layout: what changes, what stays, that a second run changes
//! nothing and that no run changes the meaning.

mod common;

use proptest::prelude::*;
use tilec_frontend::{format::format, parse::parse};

const PROGRAMS: &[&str] = &[
    include_str!("programs/gemm_fp8.tile"),
    include_str!("programs/fused_moe.tile"),
    include_str!("programs/topk.tile"),
];

/// Formats, and checks what must hold for every source.
#[track_caller]
fn formatted(text: &str) -> String {
    let once = format(text).unwrap_or_else(|reports| panic!("{text}\n{reports:#?}"));
    let twice = format(&once).unwrap_or_else(|reports| panic!("{once}\n{reports:#?}"));
    assert_eq!(twice, once, "formatting twice differs from once:\n{text}");
    assert_eq!(
        common::print(&parse(&once).0),
        common::print(&parse(text).0),
        "the meaning changed:\n{once}"
    );
    assert_eq!(comments(&once), comments(text), "comments changed:\n{once}");
    once
}

fn comments(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.find("//").map(|at| line[at..].trim_end())).collect()
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(formatted(text), expected, "{text}");
}

#[test]
fn programs_in_canonical_layout_stay_as_they_are() {
    for program in PROGRAMS {
        check(program, program);
    }
}

#[test]
fn layout_does_not_depend_on_the_space_of_the_source() {
    for program in PROGRAMS {
        // Indentation and inner space go, line ends stay.
        let squeezed: Vec<String> = program
            .lines()
            .map(|line| match line.split_once("//") {
                Some((code, comment)) => {
                    format!("{}//{comment}", code.split_whitespace().collect::<Vec<_>>().join(" "))
                }
                None => line.split_whitespace().collect::<Vec<_>>().join("  "),
            })
            .collect();
        check(&squeezed.join("\r\n"), program);
    }
}

const CASES: &[(&str, &str)] = &[
    ("", ""),
    ("\n\n// a\n\n\n// b", "// a\n\n// b\n"),
    (
        "fn f(x)=-x*(a-b)  fn g( x ,y )=not x<=y",
        "fn f(x) = -x * (a - b)\nfn g(x, y) = not x <= y\n",
    ),
    ("fn f(x) = x\n\n\nfn g(x) = x // g\n", "fn f(x) = x\n\nfn g(x) = x  // g\n"),
    (
        "fn f(x) = x kernel k[N]()->(){} tile k on h200{}",
        "fn f(x) = x\n\nkernel k[N]() -> ()\n{\n}\n\ntile k on h200 {\n}\n",
    ),
    (
        "kernel k[N](x:f32[N],)->(y:f32){ y=x[ 0 ] // first\n  // last\n\n }",
        "kernel k[N](\n    x: f32[N],\n) -> (y: f32)\n{\n    y = x[0]  // first\n    // last\n}\n",
    ),
    (
        "kernel k[N](x:f32[N], // in\n  scale:idx<N>) -> (y:f32)\nwhere N<=3,\nsorted ( x )\n{}",
        "kernel k[N](\n    x:     f32[N],  // in\n    scale: idx<N>,\n) -> (y: f32)\nwhere N <= 3,\n      sorted(x)\n{\n}\n",
    ),
    (
        "kernel k[N]()->(){\n\n a=1\n bb[i]=2\n\n c=if x\n then 1\n else max(2,\n 3\n)\n // d\n dd=round_stochastic<f8e4m3>(x,y)<idx<N>(z)\n e = argsort[i<N desc](-x)[0]-sum[i](-1)\n}",
        "kernel k[N]() -> ()\n{\n    a     = 1\n    bb[i] = 2\n\n    c = if x\n        then 1\n        else max(2,\n        3\n    )\n    // d\n    dd = round_stochastic<f8e4m3>(x, y) < idx<N>(z)\n    e  = argsort[i < N desc](-x)[0] - sum[i](-1)\n}\n",
    ),
    (
        "kernel k[N]()->(){ a=1 a_tensor_with_quite_a_long_name_indeed[index]=2 ccc=3 }",
        "kernel k[N]() -> ()\n{\n    a   = 1\n    a_tensor_with_quite_a_long_name_indeed[index] = 2\n    ccc = 3\n}\n",
    ),
    (
        "tile k on h200 // fast\n{ a:m=1,n=2,\nk=3 c:t=never }",
        "tile k on h200  // fast\n{\n    a: m = 1, n = 2,\n        k = 3\n    c: t = never\n}\n",
    ),
    (
        "kernel a_kernel_with_a_long_name[M, N, K](first: f32[M, N, K], second: f32[M, N, K], third: f32[M, N, K]) -> (fourth: f32[M])\n{}",
        "kernel a_kernel_with_a_long_name[M, N, K](\n    first:  f32[M, N, K],\n    second: f32[M, N, K],\n    third:  f32[M, N, K],\n) -> (fourth: f32[M])\n{\n}\n",
    ),
];

#[test]
fn cases() {
    for (text, expected) in CASES {
        check(text, expected);
    }
}

#[test]
fn what_cannot_be_read_is_not_formatted() {
    let reports = format("fn f(x) = ").expect_err("the function has no body");
    assert_eq!(reports.len(), 1);
}

proptest! {
    /// Comments and line ends may stand between any two tokens.
    #[test]
    fn comments_and_breaks_anywhere(
        program in 0..PROGRAMS.len(),
        inserted in prop::collection::vec((any::<prop::sample::Index>(), 0..4usize), 0..12),
    ) {
        let text = PROGRAMS[program];
        let mut places: Vec<(usize, usize)> = inserted.iter().map(|(at, what)| (at.index(text.len()), *what)).collect();
        places.sort_unstable();
        let mut out = String::new();
        let mut last = 0;
        for (at, what) in places {
            // After an operator or a bracket and outside of a comment.
            let line = text[..at].rfind('\n').map_or(0, |start| start + 1);
            if !text[..at].ends_with([',', '(', '[', ' ', '*']) || text[line..at].contains("//") {
                continue;
            }
            out.push_str(&text[last..at]);
            out.push_str(["\n", "\n\n\n", " // x\n", "\n  // y\n\n"][what]);
            last = at;
        }
        out.push_str(&text[last..]);
        formatted(&out);
    }
}
