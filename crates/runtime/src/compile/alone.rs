//! One function of an emitted source as a source of its own.
//!
//! ```text
//! headers and helpers             kept
//! extern "C" __global__ void ..   kept if it is the one
//! #ifndef __CUDACC_RTC__ ..       left out: the launcher, in C++
//! ```
//!
//! A program has functions for all sizes, of which a launch needs few, and compiling
//! them is nearly all of what compiling costs. They share nothing but what stands before
//! the first, so each compiles without the others.

/// What every function begins with, on a line of its own.
const FUNCTION: &str = "\nextern \"C\" __global__ ";

/// What the launcher, which only nvcc reads, begins with.
const LAUNCHER: &str = "\n#ifndef __CUDACC_RTC__";

/// The source of this function alone, with the lines numbered as in the program, for
/// messages; `None` where the program has no such function.
pub(super) fn alone(source: &str, name: &str) -> Option<String> {
    let first = source.find(FUNCTION)?;
    let end = first + source[first..].find(LAUNCHER).unwrap_or(source.len() - first);
    let (head, functions) = (&source[..first], &source[first..end]);
    let start = starts(functions).find(|&start| is_of(&functions[start..], name))?;
    let text = &functions[start..];
    let text = text[1..].find(FUNCTION).map_or(text, |next| &text[..1 + next]);
    let line = source[..first + start].matches('\n').count() + 2;
    Some(format!("{head}\n#line {line}{text}\n"))
}

/// Where each function begins.
fn starts(functions: &str) -> impl Iterator<Item = usize> {
    functions.match_indices(FUNCTION).map(|(start, _)| start)
}

/// Whether the function that the text begins with has this name.
fn is_of(text: &str, name: &str) -> bool {
    let signature = text.split_once('{').map_or(text, |(signature, _)| signature);
    let mut before = signature.match_indices('(').map(|(at, _)| &signature[..at]);
    before.any(|before| before.split_whitespace().next_back() == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "// two\nint helper();\n\
        \nextern \"C\" __global__ void __launch_bounds__(256)\nf(int* x) {\n    *x = f_of(1);\n}\n\
        \nextern \"C\" __global__ void f_of(int *x) {}\n\
        \n#ifndef __CUDACC_RTC__\nvoid launch() { f(0); }\n#endif\n";

    #[test]
    fn a_function_is_kept_with_what_stands_before_all_of_them() {
        let head = "// two\nint helper();\n";
        let f = "void __launch_bounds__(256)\nf(int* x) {\n    *x = f_of(1);\n}\n";
        let expected = format!("{head}\n#line 4\nextern \"C\" __global__ {f}\n");
        assert_eq!(alone(SOURCE, "f"), Some(expected));
        let expected =
            format!("{head}\n#line 9\nextern \"C\" __global__ void f_of(int *x) {{}}\n\n");
        assert_eq!(alone(SOURCE, "f_of"), Some(expected));
        assert_eq!(SOURCE.lines().nth(8), Some("extern \"C\" __global__ void f_of(int *x) {}"));
    }

    #[test]
    fn what_is_no_function_of_the_source_is_not_found() {
        for (source, name) in [(SOURCE, "launch"), (SOURCE, "helper"), (SOURCE, "int"), ("", "f")] {
            assert_eq!(alone(source, name), None, "{name}");
        }
    }

    #[test]
    fn without_a_launcher_the_last_function_ends_the_source() {
        let source = "\nextern \"C\" __global__ void g() {}";
        let expected = "\n#line 2\nextern \"C\" __global__ void g() {}\n";
        assert_eq!(alone(source, "g").as_deref(), Some(expected));
    }
}
