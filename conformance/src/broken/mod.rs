//! Strategies that are wrong on purpose: what the suite must notice, and what the gallery shows.

pub mod published;
