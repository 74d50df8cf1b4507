//! JSON schemas (draft 2020-12) of the files that the compiler writes, made from the types
//! that write them. They lie in `docs/schemas`, where a test compares them; the example
//! `schemas` of this crate writes them.

use schemars::{JsonSchema, schema_for};

use crate::{Manifest, plan::Plan, tensix::Programs};

/// The name of each file, and its text.
#[must_use]
pub fn files() -> Vec<(&'static str, String)> {
    vec![
        ("manifest.schema.json", text::<Manifest>()),
        ("plan.schema.json", text::<Plan>()),
        ("program.schema.json", text::<Programs>()),
    ]
}

fn text<T: JsonSchema>() -> String {
    let schema = serde_json::to_string_pretty(&schema_for!(T));
    schema.expect("a schema is JSON") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_schemas_are_those_of_the_types() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schemas");
        for (name, text) in files() {
            let published = std::fs::read_to_string(format!("{folder}/{name}")).unwrap_or_default();
            assert_eq!(published, text, "run cargo run -p tilec-manifest --example schemas");
        }
    }
}
