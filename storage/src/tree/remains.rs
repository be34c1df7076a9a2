//! What is left of a tree that nobody needs any more, freed in steps.

use triomphe::Arc;

use super::node::{Kids, Node, NodeRef};
use super::{Leaf, Tree};
use crate::reclaim::Garbage;

/// A tree to be freed, at once by dropping it or in steps, on any thread. What other trees share is left alone.
pub struct Remains<L: Leaf, const FANOUT: usize = 30>(Option<NodeRef<L, FANOUT>>);

impl<L: Leaf, const FANOUT: usize> From<Tree<L, FANOUT>> for Remains<L, FANOUT> {
    fn from(tree: Tree<L, FANOUT>) -> Self {
        Self(tree.root)
    }
}

impl<L: Leaf, const FANOUT: usize> Garbage for Remains<L, FANOUT> {
    fn free_some(&mut self, budget: usize) -> usize {
        let mut freed = 0;
        while freed < budget
            && let Some(root) = &mut self.0
        {
            freed += free_last(root, budget - freed);
            if Arc::get_mut(root).is_none_or(|root| root.is_empty()) {
                self.0 = None;
            }
        }
        freed
    }
}

/// Frees up to `budget` of the last leaves of a node. A shared node counts as one object, which the caller lets go.
fn free_last<L: Leaf, const FANOUT: usize>(node: &mut NodeRef<L, FANOUT>, budget: usize) -> usize {
    let Some(Node { kids, .. }) = Arc::get_mut(node) else { return 1 };
    match kids {
        Kids::Leaves(leaves) => {
            let count = budget.min(leaves.len());
            leaves.truncate(leaves.len() - count);
            count
        }
        Kids::Nodes(nodes) => {
            let Some(last) = nodes.last_mut() else { return 0 };
            let freed = free_last(last, budget);
            if Arc::get_mut(last).is_none_or(|last| last.is_empty()) {
                nodes.pop();
            }
            freed
        }
    }
}
