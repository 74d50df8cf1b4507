//! Checks of tile programs.
