//! Arrays to pages of tiles and back.
pub fn tilize() {}
pub fn untilize() {}
