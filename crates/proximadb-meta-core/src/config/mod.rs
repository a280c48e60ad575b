//! Configuration doors.
