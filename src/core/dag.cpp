#include "core/dag.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <limits>
#include <queue>

#include "core/result.hpp"

namespace baton::core {

namespace {

using Edges = std::vector<std::vector<Index>>;

void sort_unique(std::vector<Index>& list) {
  std::ranges::sort(list);
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

/// Edges turned round. Lists come out sorted, as sources are visited in order.
Edges reversed(const Edges& edges) {
  Edges out(edges.size());
  for (Index i = 0; i < edges.size(); ++i) {
    for (const auto target : edges[i]) {
      BATON_ASSERT(target < edges.size());
      out[target].push_back(i);
    }
  }
  return out;
}

std::vector<Index> reached(const Edges& edges, const std::vector<Index>& from) {
  std::vector<char> seen(edges.size(), 0);
  std::vector<Index> found;
  const auto visit = [&](Index node) {
    if (seen[node] != 0) return;
    seen[node] = 1;
    found.push_back(node);
  };
  for (const auto node : from) visit(node);
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const auto next : edges[found[i]]) visit(next);
  }
  std::ranges::sort(found);
  return found;
}

bool has_edge(const Dag& dag, Index from, Index to) { return std::ranges::binary_search(dag.successors[from], to); }

/// Finds strongly connected components (Tarjan's way, with its own stack: a chain of 100 000 nodes must not exhaust ours).
class Components {
 public:
  explicit Components(const Dag& dag) : dag_(dag), order_(dag.size()), low_(dag.size()), on_stack_(dag.size(), 0) {}

  /// Those components of the graph induced by `nodes` that hold a cycle; each sorted, ordered by their lowest index.
  std::vector<std::vector<Index>> with_cycles(const std::vector<Index>& nodes) {
    inside_.assign(dag_.size(), 0);
    for (const auto node : nodes) inside_[node] = 1;
    found_.clear();
    counter_ = 0;
    for (const auto node : nodes) order_[node] = 0;
    for (const auto node : nodes) {
      if (order_[node] == 0) walk(node);
    }
    std::ranges::sort(found_);
    return std::move(found_);
  }

 private:
  struct Frame {
    Index node;
    std::size_t next;  ///< position in its successors
  };

  void enter(Index node) {
    order_[node] = low_[node] = ++counter_;
    stack_.push_back(node);
    on_stack_[node] = 1;
    frames_.push_back({node, 0});
  }

  void walk(Index root) {
    enter(root);
    while (!frames_.empty()) {
      auto& frame = frames_.back();
      const auto node = frame.node;
      if (frame.next < dag_.successors[node].size()) {
        const auto next = dag_.successors[node][frame.next++];
        if (inside_[next] == 0) continue;
        if (order_[next] == 0) {
          enter(next);
        } else if (on_stack_[next] != 0) {
          low_[node] = std::min(low_[node], order_[next]);
        }
        continue;
      }
      frames_.pop_back();
      if (!frames_.empty()) low_[frames_.back().node] = std::min(low_[frames_.back().node], low_[node]);
      if (low_[node] == order_[node]) take_component(node);
    }
  }

  void take_component(Index root) {
    std::vector<Index> component;
    Index node = 0;
    do {
      node = stack_.back();
      stack_.pop_back();
      on_stack_[node] = 0;
      component.push_back(node);
    } while (node != root);
    if (component.size() == 1 && !has_edge(dag_, root, root)) return;
    std::ranges::sort(component);
    found_.push_back(std::move(component));
  }

  const Dag& dag_;
  std::vector<std::uint32_t> order_, low_;  ///< 0: not visited
  std::vector<char> on_stack_, inside_;
  std::vector<Index> stack_;
  std::vector<Frame> frames_;
  std::uint32_t counter_ = 0;
  std::vector<std::vector<Index>> found_;
};

std::vector<Index> all_nodes(const Dag& dag) {
  std::vector<Index> nodes(dag.size());
  for (Index i = 0; i < nodes.size(); ++i) nodes[i] = i;
  return nodes;
}

/// Johnson's algorithm for the cycles through one node: each edge is walked a bounded number of times between two cycles.
class CyclesThrough {
 public:
  /// `component` is strongly connected and holds `start`.
  CyclesThrough(const Dag& dag, const std::vector<Index>& component, Index start)
      : dag_(dag), start_(start), inside_(dag.size(), 0), blocked_(dag.size(), 0), unblocks_(dag.size()) {
    for (const auto node : component) inside_[node] = 1;
  }

  void find(std::vector<std::vector<Index>>& cycles, std::size_t max) {
    enter(start_);
    while (!frames_.empty() && cycles.size() < max) {
      auto& frame = frames_.back();
      const auto& successors = dag_.successors[frame.node];
      if (frame.next == successors.size()) {
        leave();
        continue;
      }
      const auto next = successors[frame.next++];
      if (next == start_) {
        frame.closed = true;
        cycles.push_back(path());
      } else if (inside_[next] != 0 && blocked_[next] == 0) {
        enter(next);
      }
    }
  }

 private:
  struct Frame {
    Index node;
    std::size_t next;
    bool closed;  ///< a cycle was found through it
  };

  void enter(Index node) {
    blocked_[node] = 1;
    frames_.push_back({node, 0, false});
  }

  void leave() {
    const auto frame = frames_.back();
    frames_.pop_back();
    if (frame.closed) {
      unblock(frame.node);
      if (!frames_.empty()) frames_.back().closed = true;
      return;
    }
    for (const auto next : dag_.successors[frame.node]) {
      if (inside_[next] != 0) unblocks_[next].push_back(frame.node);
    }
  }

  void unblock(Index node) {
    std::vector<Index> todo{node};
    while (!todo.empty()) {
      const auto one = todo.back();
      todo.pop_back();
      if (blocked_[one] == 0) continue;
      blocked_[one] = 0;
      todo.insert(todo.end(), unblocks_[one].begin(), unblocks_[one].end());
      unblocks_[one].clear();
    }
  }

  [[nodiscard]] std::vector<Index> path() const {
    std::vector<Index> nodes;
    for (const auto& frame : frames_) nodes.push_back(frame.node);
    return nodes;
  }

  const Dag& dag_;
  Index start_;
  std::vector<char> inside_, blocked_;
  Edges unblocks_;  ///< whom to unblock with a node
  std::vector<Frame> frames_;
};

}  // namespace

Dag dag_from_successors(std::vector<std::vector<Index>> successors) {
  for (auto& list : successors) sort_unique(list);
  auto predecessors = reversed(successors);
  return {.successors = std::move(successors), .predecessors = std::move(predecessors)};
}

Dag dag_of(const Project& project) {
  Edges before(project.nodes.size());
  for (std::size_t i = 0; i < before.size(); ++i) before[i] = predecessors(project.nodes[i]);
  auto after = reversed(before);
  return {.successors = std::move(after), .predecessors = std::move(before)};
}

std::vector<Index> topological_order(const Dag& dag) {
  std::vector<std::size_t> waits_for(dag.size());
  std::priority_queue<Index, std::vector<Index>, std::greater<>> ready;
  for (Index i = 0; i < dag.size(); ++i) {
    waits_for[i] = dag.predecessors[i].size();
    if (waits_for[i] == 0) ready.push(i);
  }
  std::vector<Index> order;
  order.reserve(dag.size());
  while (!ready.empty()) {
    const auto node = ready.top();
    ready.pop();
    order.push_back(node);
    for (const auto next : dag.successors[node]) {
      if (--waits_for[next] == 0) ready.push(next);
    }
  }
  if (order.size() < dag.size()) order.clear();
  return order;
}

std::optional<std::vector<Index>> find_cycle(const Dag& dag) {
  const auto components = Components(dag).with_cycles(all_nodes(dag));
  if (components.empty()) return std::nullopt;
  const auto& component = components.front();
  const auto start = component.front();

  // Breadth first from the start back to it: the shortest of its cycles, which is the easiest to understand.
  constexpr auto none = std::numeric_limits<Index>::max();
  std::vector<Index> came_from(dag.size(), none);
  std::deque<Index> todo{start};
  while (!todo.empty()) {
    const auto node = todo.front();
    todo.pop_front();
    for (const auto next : dag.successors[node]) {
      if (next == start) {
        std::vector<Index> cycle{node};
        while (cycle.back() != start) cycle.push_back(came_from[cycle.back()]);
        std::ranges::reverse(cycle);
        return cycle;
      }
      if (came_from[next] == none && std::ranges::binary_search(component, next)) {
        came_from[next] = node;
        todo.push_back(next);
      }
    }
  }
  BATON_UNREACHABLE();
}

std::vector<std::vector<Index>> cycles_through(const Dag& dag, const std::vector<Index>& nodes, std::size_t max) {
  std::vector<char> wanted(dag.size(), 0);
  for (const auto node : nodes) wanted[node] = 1;
  std::vector<std::vector<Index>> cycles;
  Components components(dag);
  std::deque<std::vector<Index>> todo;
  const auto split = [&](const std::vector<Index>& rest) {
    for (auto& component : components.with_cycles(rest)) todo.push_back(std::move(component));
  };
  split(all_nodes(dag));
  while (!todo.empty() && cycles.size() < max) {
    auto component = std::move(todo.front());
    todo.pop_front();
    const auto start = std::ranges::find_if(component, [&](Index node) { return wanted[node] != 0; });
    if (start == component.end()) continue;
    CyclesThrough(dag, component, *start).find(cycles, max);
    component.erase(start);  // all cycles through it are found
    split(component);
  }
  for (auto& cycle : cycles) std::ranges::rotate(cycle, std::ranges::min_element(cycle));
  return cycles;
}

std::vector<std::vector<Index>> simple_cycles(const Dag& dag, std::size_t max) {
  return cycles_through(dag, all_nodes(dag), max);
}

std::vector<Index> ancestors_or_self(const Dag& dag, const std::vector<Index>& of) { return reached(dag.predecessors, of); }

std::vector<Index> descendants(const Dag& dag, Index of) {
  auto found = reached(dag.successors, {of});
  std::erase(found, of);
  return found;
}

}  // namespace baton::core
