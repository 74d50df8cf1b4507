//! What the compiler makes of a kernel, in words: its sizes and facts, the
//! canonical equations, and how the target runs them.
