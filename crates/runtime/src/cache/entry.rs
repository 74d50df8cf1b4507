//! The bytes of an entry: a head that says what must follow, and what follows.
//!
//! ```text
//! "tilec cubin 1\n"  14 bytes
//! length              8 bytes, little-endian
//! SHA-256            32 bytes, of the content
//! content
//! ```

use sha2::{Digest, Sha256};

const MAGIC: &[u8; 14] = b"tilec cubin 1\n";
const HEAD: usize = MAGIC.len() + 8 + 32;

/// What stands before the content.
pub(super) fn head(content: &[u8]) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.extend((content.len() as u64).to_le_bytes());
    head.extend(Sha256::digest(content));
    head
}

/// The content of an entry; `None` where it is not what its head says.
pub(super) fn unpack(mut entry: Vec<u8>) -> Option<Vec<u8>> {
    let content = entry.get(HEAD..)?;
    (head(content) == entry[..HEAD]).then_some(())?;
    entry.drain(..HEAD);
    Some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_damage_is_noticed() {
        let entry = [head(b"content"), b"content".to_vec()].concat();
        assert_eq!(unpack(entry.clone()), Some(b"content".to_vec()));
        for at in 0..entry.len() {
            let mut damaged = entry.clone();
            damaged[at] ^= 0x10;
            assert_eq!(unpack(damaged), None, "byte {at} is damaged");
            assert_eq!(unpack(entry[..at].to_vec()), None, "only {at} bytes are left");
        }
        assert_eq!(unpack([entry, vec![0]].concat()), None);
    }
}
