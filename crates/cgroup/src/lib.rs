//! Linux control groups, v1, v2 and hybrid, behind one model.
#![forbid(unsafe_code)]
