#include "core/workbench.hpp"

#include <algorithm>
#include <array>

namespace baton::core {

namespace {

constexpr bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

/// `[a-z0-9][a-z0-9_.-]*`
bool is_folder(std::string_view text) {
  if (text.empty() || !is_lower_or_digit(text.front())) return false;
  return std::ranges::all_of(text, [](char c) { return is_lower_or_digit(c) || c == '_' || c == '.' || c == '-'; });
}

/// `[a-z0-9-_]+[a-z0-9]`
bool is_service_name(std::string_view text) {
  if (text.size() < 2 || !is_lower_or_digit(text.back())) return false;
  return std::ranges::all_of(text, [](char c) { return is_lower_or_digit(c) || c == '_' || c == '-'; });
}

bool is_service_path(std::string_view path) {
  for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/')) {
    if (!is_folder(path.substr(0, slash))) return false;
    path.remove_prefix(slash + 1);
  }
  return is_service_name(path);
}

bool is_computational(const WorkbenchNode& node) { return node.kind == NodeClass::computational; }

bool is_modified(const WorkbenchNode& node) {
  constexpr StateSet to_compute_again{State::aborted, State::failed};
  return !node.state || to_compute_again.has(*node.state) || !node.has_outputs || !node.hash_is_current;
}

/// The complete graph without the edges of what is not computed: its order decides, so that dynamic nodes may form cycles.
Dag computational_dag(const Workbench& workbench) {
  std::vector<std::vector<Index>> successors(workbench.size());
  for (Index i = 0; i < workbench.size(); ++i) {
    if (!is_computational(workbench[i])) continue;
    for (const auto before : workbench[i].input_nodes) {
      if (is_computational(workbench[before])) successors[before].push_back(i);
    }
  }
  return dag_from_successors(std::move(successors));
}

}  // namespace

std::optional<NodeClass> node_class_of(std::string_view service_key) {
  struct Prefix {
    std::string_view text;
    NodeClass kind;
  };
  constexpr std::array<Prefix, 3> prefixes{{{"simcore/services/comp/", NodeClass::computational},
                                            {"simcore/services/dynamic/", NodeClass::interactive},
                                            {"simcore/services/frontend/", NodeClass::frontend}}};
  for (const auto& prefix : prefixes) {
    if (service_key.starts_with(prefix.text) && is_service_path(service_key.substr(prefix.text.size()))) return prefix.kind;
  }
  return std::nullopt;
}

Dag complete_dag(const Workbench& workbench) {
  std::vector<std::vector<Index>> successors(workbench.size());
  for (Index i = 0; i < workbench.size(); ++i) {
    for (const auto before : workbench[i].input_nodes) successors[before].push_back(i);
  }
  return dag_from_successors(std::move(successors));
}

std::optional<std::vector<Outdated>> outdated(const Workbench& workbench) {
  std::vector<Outdated> result(workbench.size());
  const auto order = topological_order(computational_dag(workbench));
  if (order.size() < workbench.size()) return std::nullopt;
  for (const auto i : order) {
    if (!is_computational(workbench[i])) continue;
    result[i].modified = is_modified(workbench[i]);
    auto& dependencies = result[i].dependencies;
    for (const auto source : workbench[i].linked) {
      if (result[source].needs_computing()) dependencies.push_back(source);
    }
    std::ranges::sort(dependencies);
    dependencies.erase(std::unique(dependencies.begin(), dependencies.end()), dependencies.end());
  }
  return result;
}

MinimalGraph minimal_graph(const Workbench& workbench, const std::vector<Index>& selected, bool force) {
  MinimalGraph graph;
  const auto states = outdated(workbench);
  if (!states) return graph;
  const auto dag = complete_dag(workbench);

  std::vector<char> considered(workbench.size(), selected.empty() ? 1 : 0);
  std::vector<char> forced(workbench.size(), force && selected.empty() ? 1 : 0);
  for (const auto i : ancestors_or_self(dag, selected)) considered[i] = 1;
  for (const auto i : selected) forced[i] = force ? 1 : 0;
  const auto is_member = [&](Index i) {
    return is_computational(workbench[i]) && (forced[i] != 0 || (considered[i] != 0 && (*states)[i].needs_computing()));
  };

  for (Index i = 0; i < workbench.size(); ++i) {
    if (!is_member(i)) continue;
    graph.nodes.push_back(i);
    graph.successors.emplace_back();
    std::ranges::copy_if(dag.successors[i], std::back_inserter(graph.successors.back()), is_member);
  }
  return graph;
}

std::vector<std::vector<Index>> computational_cycles(const Workbench& workbench, std::size_t max) {
  std::vector<Index> computational;
  for (Index i = 0; i < workbench.size(); ++i) {
    if (is_computational(workbench[i])) computational.push_back(i);
  }
  return cycles_through(complete_dag(workbench), computational, max);
}

}  // namespace baton::core
