//! The hand-written device headers, `device/*.h`, which kernels are pasted together with:
//! they are given to the chip's compiler as one text.

use std::collections::BTreeSet;

/// The headers, each after those that it needs: `(text, needed)` by position.
const HEADERS: [(&str, &[usize]); 9] = [
    (include_str!("../device/start.h"), &[]),
    (include_str!("../device/arithmetic.h"), &[0]),
    (include_str!("../device/compare.h"), &[0, 1]),
    (include_str!("../device/logic.h"), &[0, 1, 2]),
    (include_str!("../device/fp8.h"), &[0]),
    (include_str!("../device/lanes.h"), &[0]),
    (include_str!("../device/broadcast.h"), &[0, 5]),
    (include_str!("../device/mask.h"), &[0, 5]),
    (include_str!("../device/reduce.h"), &[0, 1, 2, 5]),
];

/// The headers that some functions need, in order.
pub(crate) fn headers(functions: &BTreeSet<String>) -> Vec<&'static str> {
    let mut needed = BTreeSet::new();
    for function in functions {
        let defines = |text: &str| text.contains(&format!("inline void {function}("));
        for (at, (text, others)) in HEADERS.iter().enumerate() {
            if defines(text) {
                needed.insert(at);
                needed.extend(others.iter());
            }
        }
    }
    needed.into_iter().map(|at| HEADERS[at].0).collect()
}
