/// Which nodes of an oSPARC workbench are outdated and have to be computed, exactly as the reference decides it (C§4.1 to C§4.4).
/// Workbenches hold nodes that nobody computes (dynamic, frontend); what is left of them becomes a core::Project.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "core/dag.hpp"
#include "core/states.hpp"

namespace baton::core {

enum class NodeClass : std::uint8_t { computational, interactive, frontend };
/// Of a service key, `simcore/services/comp/itis/sleeper`. None: it is not a service key (C§4.1).
[[nodiscard]] std::optional<NodeClass> node_class_of(std::string_view service_key);

/// What of a workbench node decides whether it is computed; its index is its position in the workbench.
struct WorkbenchNode {
  NodeClass kind = NodeClass::computational;
  std::optional<State> state;      ///< as the document says; none: it says nothing
  bool has_outputs = false;        ///< at least one
  bool hash_is_current = false;    ///< the stored run hash is the io_hash of its present inputs and outputs
  std::vector<Index> input_nodes;  ///< its predecessors in the graph
  std::vector<Index> linked;       ///< nodes whose outputs its inputs link to
};
using Workbench = std::vector<WorkbenchNode>;

/// One vertex per node, an edge for each input node (C§4.2).
[[nodiscard]] Dag complete_dag(const Workbench& workbench);

struct Outdated {
  bool modified = false;            ///< by itself: no state, ABORTED, FAILED, no outputs, or another hash
  std::vector<Index> dependencies;  ///< linked nodes that have to be computed before it, sorted
  [[nodiscard]] bool needs_computing() const { return modified || !dependencies.empty(); }
  bool operator==(const Outdated&) const = default;
};
/// Parallel to the workbench; others than computational nodes stay as they are by default and are nobody's dependency. None: the
/// computational nodes form a cycle (C§4.3).
[[nodiscard]] std::optional<std::vector<Outdated>> outdated(const Workbench& workbench);

/// The nodes to compute, sorted, with the edges between them (`successors` parallel to `nodes`, holding workbench indices). Edges
/// through nodes that are not computed are lost, as in the reference.
struct MinimalGraph {
  std::vector<Index> nodes;
  std::vector<std::vector<Index>> successors;
  bool operator==(const MinimalGraph&) const = default;
};
/// `selected` empty: all that are outdated; else these and their ancestors, where outdated. `force`: all computational nodes, or with a
/// selection the selected ones. Empty where the computational nodes form a cycle (C§4.4).
[[nodiscard]] MinimalGraph minimal_graph(const Workbench& workbench, const std::vector<Index>& selected, bool force);

/// The simple cycles that hold a computational node, at most `max`: a start is refused with them (409).
[[nodiscard]] std::vector<std::vector<Index>> computational_cycles(const Workbench& workbench, std::size_t max);

}  // namespace baton::core
