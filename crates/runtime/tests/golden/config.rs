//! Configurations: a base and what is laid over it.

use palisade_oci::Spec;
use serde_json::Value;

/// Reads the configuration of a file in `configs/`.
pub(crate) fn read(name: &str) -> Spec {
    let path = crate::folder().join("configs").join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let patch = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}.json: {error}"));
    over_base(patch).unwrap_or_else(|error| panic!("{error}"))
}

/// Lays a document over the base and parses what comes of it.
pub(crate) fn over_base(patch: Value) -> Result<Spec, palisade_oci::Error> {
    let base = std::fs::read_to_string(crate::folder().join("configs/base.json")).unwrap();
    let mut document: Value = serde_json::from_str(&base).unwrap();
    lay_over(&mut document, patch);
    palisade_oci::parse("config.json", document.to_string().as_bytes())
}

/// Lays a document over another one, as a JSON merge patch (RFC 7396): null takes away, lists are replaced.
fn lay_over(document: &mut Value, patch: Value) {
    match (document, patch) {
        (Value::Object(document), Value::Object(patch)) => {
            for (key, value) in patch {
                if value.is_null() {
                    document.remove(&key);
                } else {
                    lay_over(document.entry(key).or_insert(Value::Object(serde_json::Map::new())), value);
                }
            }
        }
        (document, patch) => *document = patch,
    }
}
