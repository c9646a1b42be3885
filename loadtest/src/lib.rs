//! Load tester: replay, audiences and simulation.
