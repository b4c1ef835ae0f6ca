#include "core/dag.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "support/seed.hpp"

namespace baton::core {
namespace {

using Nodes = std::vector<Index>;
using Lists = std::vector<Nodes>;

TEST(Dag, sorts_and_unites_its_edges) {
  const auto dag = dag_from_successors({{2, 1, 2}, {}, {1}});
  EXPECT_EQ(dag.successors, (Lists{{1, 2}, {}, {1}}));
  EXPECT_EQ(dag.predecessors, (Lists{{}, {0, 2}, {0}}));
}

TEST(Dag, of_a_project_has_an_edge_for_data_and_for_after) {
  const auto step = std::make_shared<const Step>();
  const From from{.sources = {{.node = 0, .port = "x", .given = nullptr}, {.node = 2, .port = "y", .given = nullptr}},
                  .gather = true};
  Project project;
  project.nodes = {{.id = NodeId("a"), .step = step},
                   {.id = NodeId("b"), .step = step, .inputs = {{"in", from}, {"n", Literal{{"1"}}}}, .after = {0}},
                   {.id = NodeId("c"), .step = step, .after = {0}}};
  const auto dag = dag_of(project);
  EXPECT_EQ(dag.successors, (Lists{{1, 2}, {}, {1}}));
  EXPECT_EQ(dag.predecessors, (Lists{{}, {0, 2}, {0}}));
}

TEST(TopologicalOrder, follows_predecessors_and_breaks_ties_by_index) {
  EXPECT_EQ(topological_order(dag_from_successors({{}, {}, {}})), (Nodes{0, 1, 2}));
  EXPECT_EQ(topological_order(dag_from_successors({{}, {0}, {0}, {1}})), (Nodes{2, 3, 1, 0}));
}

TEST(TopologicalOrder, is_empty_for_a_cycle) {
  EXPECT_TRUE(topological_order(dag_from_successors({{1}, {2}, {1}})).empty());
  EXPECT_TRUE(topological_order(dag_from_successors({{0}})).empty());
  EXPECT_TRUE(topological_order(dag_from_successors({})).empty());
}

TEST(FindCycle, names_the_one_through_the_lowest_index_that_lies_on_any) {
  EXPECT_EQ(find_cycle(dag_from_successors({{1}, {2}, {}})), std::nullopt);
  // 0 only leads to a cycle; 1 -> 3 -> 1 and 2 -> 4 -> 2 are cycles.
  EXPECT_EQ(find_cycle(dag_from_successors({{1, 2}, {3}, {4}, {1}, {2}})), (Nodes{1, 3}));
  EXPECT_EQ(find_cycle(dag_from_successors({{1}, {1}})), (Nodes{1}));
  // The long way 0 -> 1 -> 2 -> 0 and the short one 0 -> 3 -> 0: the short one is easier to read.
  EXPECT_EQ(find_cycle(dag_from_successors({{1, 3}, {2}, {0}, {0}})), (Nodes{0, 3}));
}

TEST(SimpleCycles, are_all_found_each_from_its_lowest_index) {
  auto cycles = simple_cycles(dag_from_successors({{1, 2}, {0, 2}, {0, 1}}), 100);
  std::ranges::sort(cycles);
  EXPECT_EQ(cycles, (Lists{{0, 1}, {0, 1, 2}, {0, 2}, {0, 2, 1}, {1, 2}}));
}

TEST(SimpleCycles, stop_at_their_bound) {
  // A complete graph of 12 nodes has more than ten million cycles.
  Lists successors(12);
  for (Index i = 0; i < 12; ++i) {
    for (Index j = 0; j < 12; ++j) {
      if (i != j) successors[i].push_back(j);
    }
  }
  const auto dag = dag_from_successors(successors);
  EXPECT_EQ(simple_cycles(dag, 7).size(), 7u);
  EXPECT_TRUE(simple_cycles(dag, 0).empty());
}

TEST(SimpleCycles, through_given_nodes_leave_the_others_out) {
  // 0 <-> 1, 2 <-> 3, 3 -> 4 -> 2
  const auto dag = dag_from_successors({{1}, {0}, {3}, {2, 4}, {2}});
  EXPECT_EQ(cycles_through(dag, {4}, 10), (Lists{{2, 3, 4}}));
  EXPECT_EQ(cycles_through(dag, {1}, 10), (Lists{{0, 1}}));
  EXPECT_TRUE(cycles_through(dag, {}, 10).empty());
}

TEST(Ancestors, hold_the_nodes_themselves_and_are_sorted) {
  const auto dag = dag_from_successors({{2}, {2}, {3}, {}, {3}});
  EXPECT_EQ(ancestors_or_self(dag, {2}), (Nodes{0, 1, 2}));
  EXPECT_EQ(ancestors_or_self(dag, {4, 0}), (Nodes{0, 4}));
  EXPECT_TRUE(ancestors_or_self(dag, {}).empty());
}

TEST(Descendants, leave_the_node_itself_out) {
  EXPECT_EQ(descendants(dag_from_successors({{2}, {2}, {3}, {}, {3}}), 0), (Nodes{2, 3}));
  EXPECT_EQ(descendants(dag_from_successors({{1}, {0}}), 0), (Nodes{1}));
}

TEST(Dag, of_a_hundred_thousand_nodes_in_a_row_or_in_a_ring_needs_no_deep_stack) {
  constexpr Index size = 100'000;
  Lists successors(size);
  for (Index i = 0; i + 1 < size; ++i) successors[i] = {i + 1};
  const auto row = dag_from_successors(successors);
  EXPECT_EQ(topological_order(row).size(), size);
  EXPECT_EQ(find_cycle(row), std::nullopt);
  EXPECT_EQ(ancestors_or_self(row, {size - 1}).size(), size);

  successors[size - 1] = {0};
  const auto ring = dag_from_successors(successors);
  EXPECT_EQ(find_cycle(ring)->size(), size);
  EXPECT_EQ(simple_cycles(ring, 10).size(), 1u);
}

// ---- properties, against the plainest way to say the same -------------------------------------------------------------

Dag any_graph(std::mt19937_64& random, Index size_max) {
  const auto size = static_cast<Index>(1 + random() % size_max);
  Lists successors(size);
  const auto edges = random() % (2 * size + 1);
  for (std::size_t i = 0; i < edges; ++i) successors[random() % size].push_back(static_cast<Index>(random() % size));
  return dag_from_successors(std::move(successors));
}

void walk_paths(const Dag& dag, Nodes& path, std::set<Nodes>& cycles) {
  for (const auto next : dag.successors[path.back()]) {
    if (next == path.front()) cycles.insert(path);
    if (next <= path.front() || std::ranges::find(path, next) != path.end()) continue;
    path.push_back(next);
    walk_paths(dag, path, cycles);
    path.pop_back();
  }
}

std::set<Nodes> cycles_by_hand(const Dag& dag) {
  std::set<Nodes> cycles;
  for (Index start = 0; start < dag.size(); ++start) {
    Nodes path{start};
    walk_paths(dag, path, cycles);
  }
  return cycles;
}

TEST(Dag, finds_the_cycles_that_trying_all_paths_finds) {
  const auto seed = test::seed();
  SCOPED_TRACE(test::replay(seed) + " unit_core --gtest_filter=Dag.*");
  std::mt19937_64 random(seed);
  for (int i = 0; i < test::cases(10'000); ++i) {
    const auto dag = any_graph(random, 7);
    const auto expected = cycles_by_hand(dag);
    const auto found = simple_cycles(dag, 100'000);
    const std::set<Nodes> distinct(found.begin(), found.end());
    ASSERT_EQ(distinct.size(), found.size()) << "a cycle was found twice, case " << i;
    ASSERT_EQ(distinct, expected) << "case " << i;

    const auto one = find_cycle(dag);
    ASSERT_EQ(one.has_value(), !expected.empty()) << "case " << i;
    ASSERT_EQ(topological_order(dag).empty(), !expected.empty()) << "case " << i;
    if (one) {
      ASSERT_TRUE(expected.contains(*one)) << "case " << i;
      ASSERT_EQ(one->front(), expected.begin()->front()) << "case " << i;
    }
  }
}

TEST(Dag, orders_every_graph_without_cycles) {
  const auto seed = test::seed();
  SCOPED_TRACE(test::replay(seed) + " unit_core --gtest_filter=Dag.*");
  std::mt19937_64 random(seed);
  for (int i = 0; i < test::cases(10'000); ++i) {
    const auto dag = any_graph(random, 30);
    const auto order = topological_order(dag);
    std::vector<std::size_t> place(dag.size());
    for (std::size_t k = 0; k < order.size(); ++k) place[order[k]] = k;
    for (const auto node : order) {
      for (const auto next : dag.successors[node]) ASSERT_LT(place[node], place[next]) << "case " << i;
    }
  }
}

}  // namespace
}  // namespace baton::core
