//! tilec-codegen-tt.
