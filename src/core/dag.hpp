/// Graphs over dense indices: order, ancestors, cycles.
#pragma once

#include <optional>
#include <vector>

#include "core/model.hpp"

namespace baton::core {

/// `successors[i]` and `predecessors[i]`: each sorted, each once.
struct Dag {
  std::vector<std::vector<Index>> successors;
  std::vector<std::vector<Index>> predecessors;
  [[nodiscard]] std::size_t size() const { return successors.size(); }
};

[[nodiscard]] Dag dag_of(const Project& project);
[[nodiscard]] Dag dag_from_successors(std::vector<std::vector<Index>> successors);

/// One order in which each node follows its predecessors; ties by index. Empty if there is a cycle (and the graph is not empty).
[[nodiscard]] std::vector<Index> topological_order(const Dag& dag);
/// One cycle as its nodes in order, first not repeated; the one through the lowest index that lies on any. None: no cycle.
[[nodiscard]] std::optional<std::vector<Index>> find_cycle(const Dag& dag);
/// All elementary cycles, at most `max` of them, each beginning with its lowest index (the reference's 409 names them, C§4.4).
[[nodiscard]] std::vector<std::vector<Index>> simple_cycles(const Dag& dag, std::size_t max);
/// Those of them that lead through at least one of `nodes`.
[[nodiscard]] std::vector<std::vector<Index>> cycles_through(const Dag& dag, const std::vector<Index>& nodes, std::size_t max);
/// `of` and all before it, sorted.
[[nodiscard]] std::vector<Index> ancestors_or_self(const Dag& dag, const std::vector<Index>& of);
/// All after `of`, without `of`, sorted.
[[nodiscard]] std::vector<Index> descendants(const Dag& dag, Index of);

}  // namespace baton::core
