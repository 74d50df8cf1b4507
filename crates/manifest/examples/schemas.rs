//! Writes the schemas into `docs/schemas`.

fn main() -> std::io::Result<()> {
    for (name, text) in tilec_manifest::schema::files() {
        std::fs::write(format!("docs/schemas/{name}"), text)?;
    }
    Ok(())
}
