//! tilec driver.
