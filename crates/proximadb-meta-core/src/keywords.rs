//! Keywords (rule 12).
