//! The search for an order: depth first over a linked list of questions and answers, with undo and a memory of dead ends.

use std::collections::HashSet;
use std::hash::Hash;

/// What a sequence of operations means.
pub(super) trait Spec {
    /// What is there between two operations.
    type State: Clone + Eq + Hash;
    /// An operation with its answer, if it had one.
    type Op;

    /// What is there at the start.
    fn start(&self) -> Self::State;

    /// The state after the operation; `None` where it cannot have been answered so. An operation without an answer is
    /// placed only where it changes something: without an effect it need not be placed at all.
    fn step(&self, state: &Self::State, op: &Self::Op) -> Option<Self::State>;
}

/// An operation and the time it had to take effect.
#[derive(Clone, Debug)]
pub(super) struct Interval<O> {
    pub(super) op: O,
    pub(super) asked: u64,
    /// `None`: it may take effect at any time after the question, or never.
    pub(super) answered: Option<u64>,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found<S> {
    /// There is an order.
    Order,
    /// There is none. With the state in which the longest attempt ended.
    NoOrder(S),
    /// Given up after as many placements as were allowed.
    TooHard,
}

/// One question or one answer in the list. Node 0 is its head: the list is a ring.
struct Node {
    op: usize,
    is_answer: bool,
    /// The node of the answer; 0 for an operation without one, and for an answer.
    answer: usize,
    next: usize,
    previous: usize,
}

struct Ring(Vec<Node>);

impl Ring {
    fn new<O>(history: &[Interval<O>]) -> Self {
        let mut events: Vec<(u64, usize, bool)> = Vec::with_capacity(history.len() * 2);
        for (op, i) in history.iter().enumerate() {
            events.push((i.asked, op, false));
            events.extend(i.answered.map(|at| (at, op, true)));
        }
        events.sort_unstable();
        let mut nodes = vec![Node { op: 0, is_answer: true, answer: 0, next: 0, previous: 0 }];
        let mut questions = vec![0; history.len()];
        for (place, &(_, op, is_answer)) in (1..).zip(&events) {
            if is_answer {
                let question: usize = questions[op];
                nodes[question].answer = place;
            } else {
                questions[op] = place;
            }
            nodes.push(Node { op, is_answer, answer: 0, next: place + 1, previous: place - 1 });
        }
        let last = nodes.len() - 1;
        nodes[last].next = 0;
        nodes[0].next = if last == 0 { 0 } else { 1 };
        nodes[0].previous = last;
        Self(nodes)
    }

    fn unlink(&mut self, n: usize) {
        let (previous, next) = (self.0[n].previous, self.0[n].next);
        self.0[previous].next = next;
        self.0[next].previous = previous;
    }

    fn relink(&mut self, n: usize) {
        let (previous, next) = (self.0[n].previous, self.0[n].next);
        self.0[previous].next = n;
        self.0[next].previous = n;
    }

    /// Takes a question out, with its answer.
    fn lift(&mut self, question: usize) {
        self.unlink(question);
        match self.0[question].answer {
            0 => {}
            answer => self.unlink(answer),
        }
    }

    /// Undoes the last [`lift`](Self::lift) that was not undone.
    fn unlift(&mut self, question: usize) {
        match self.0[question].answer {
            0 => {}
            answer => self.relink(answer),
        }
        self.relink(question);
    }
}

/// A set of operations.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Placed(Vec<u64>);

impl Placed {
    fn flip(&mut self, op: usize) {
        self.0[op / 64] ^= 1 << (op % 64);
    }
}

/// Looks for an order of the operations; those that were answered must all be in it. Also says how many placements it tried.
/// `budget` bounds their number, and with it time and memory.
pub(super) fn search<S: Spec>(spec: &S, history: &[Interval<S::Op>], budget: usize) -> (Found<S::State>, usize) {
    let mut ring = Ring::new(history);
    let mut state = spec.start();
    let mut placed = Placed(vec![0; history.len().div_ceil(64)]);
    let mut seen: HashSet<(Placed, S::State)> = HashSet::new();
    let mut undo: Vec<(usize, S::State)> = Vec::new();
    let mut missing = history.iter().filter(|i| i.answered.is_some()).count();
    let mut longest = (0, state.clone());
    let mut at = ring.0[0].next;
    loop {
        if missing == 0 {
            return (Found::Order, seen.len());
        }
        let node = &ring.0[at];
        if node.is_answer {
            // The call of this answer had to be placed before it: what was placed last was wrong.
            let Some((question, before)) = undo.pop() else {
                return (Found::NoOrder(longest.1), seen.len());
            };
            state = before;
            let undone = &ring.0[question];
            placed.flip(undone.op);
            missing += usize::from(undone.answer != 0);
            ring.unlift(question);
            at = ring.0[question].next;
            continue;
        }
        let (op, next, answered) = (node.op, node.next, node.answer != 0);
        if let Some(after) = spec.step(&state, &history[op].op) {
            placed.flip(op);
            if seen.insert((placed.clone(), after.clone())) {
                if seen.len() > budget {
                    return (Found::TooHard, seen.len());
                }
                undo.push((at, std::mem::replace(&mut state, after)));
                ring.lift(at);
                missing -= usize::from(answered);
                if undo.len() > longest.0 {
                    longest = (undo.len(), state.clone());
                }
                at = ring.0[0].next;
                continue;
            }
            placed.flip(op);
        }
        at = next;
    }
}
