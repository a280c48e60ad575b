//! The checker against itself: histories that are right by construction, wrong by construction, and small enough to try all.

mod brute;
mod faults;
mod meaning;
mod recording;
mod sim;
