#include "core/workbench.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/projects.hpp"

namespace baton::core {
namespace {

using Nodes = std::vector<Index>;
using Lists = std::vector<Nodes>;
constexpr auto computational = NodeClass::computational, interactive = NodeClass::interactive;

TEST(NodeClass, is_in_the_service_key) {
  EXPECT_EQ(node_class_of("simcore/services/comp/itis/sleeper"), computational);
  EXPECT_EQ(node_class_of("simcore/services/dynamic/jupyter-base-notebook"), interactive);
  EXPECT_EQ(node_class_of("simcore/services/frontend/file-picker"), NodeClass::frontend);
  EXPECT_EQ(node_class_of("simcore/services/comp/a.b/c_d-e/na_me2"), computational);
}

TEST(NodeClass, of_what_is_no_service_key_is_none) {
  for (const auto* key :
       {"", "simcore/services/comp/", "simcore/services/comp/x", "simcore/services/other/sleeper", "simcore/services/comp",
        "comp/itis/sleeper", "simcore/services/comp//sleeper", "simcore/services/comp/Itis/sleeper",
        "simcore/services/comp/itis/sleeper-", "simcore/services/comp/itis/slee.per", "xsimcore/services/comp/itis/sleeper"}) {
    EXPECT_EQ(node_class_of(key), std::nullopt) << key;
  }
}

// The fake workbench of C§10.1: N0 a file picker, N1 to N4 sleepers, N5 a notebook; N1 alone has outputs and a current hash.
constexpr Index N0 = 0, N1 = 1, N2 = 2, N3 = 3, N4 = 4, N5 = 5;

WorkbenchNode sleeper(Nodes before) {
  return {.kind = computational, .state = State::not_started, .input_nodes = before, .linked = before};
}

Workbench fake_workbench() {
  Workbench workbench(6);
  workbench[N0] = {.kind = NodeClass::frontend, .state = State::not_started, .has_outputs = true};
  workbench[N1] = sleeper({N0});
  workbench[N1].has_outputs = workbench[N1].hash_is_current = true;
  workbench[N2] = sleeper({N1});
  workbench[N3] = sleeper({N0});
  workbench[N4] = sleeper({N2, N3});
  workbench[N5] = {.kind = interactive, .state = State::not_started, .input_nodes = {N4}, .linked = {N4}};
  return workbench;
}

TEST(Workbench, DG_1_has_the_complete_adjacency_and_no_cycle) {
  const auto dag = complete_dag(fake_workbench());
  EXPECT_EQ(dag.successors, (Lists{{N1, N3}, {N2}, {N4}, {N4}, {N5}, {}}));
  EXPECT_EQ(find_cycle(dag), std::nullopt);
  EXPECT_EQ(computational_cycles(fake_workbench(), 10), Lists{});
}

TEST(Workbench, DG_2_has_the_minimal_graph_of_each_selection) {
  const MinimalGraph full{.nodes = {N1, N2, N3, N4}, .successors = {{N2}, {N4}, {N4}, {}}};
  const MinimalGraph without_1{.nodes = {N2, N3, N4}, .successors = {{N4}, {N4}, {}}};
  const MinimalGraph only_1{.nodes = {N1}, .successors = {{}}};
  const MinimalGraph only_2{.nodes = {N2}, .successors = {{}}};
  struct Case {
    Nodes selected;
    MinimalGraph forced, not_forced;
  };
  const Case cases[] = {
      {{}, full, without_1},
      {{N0, N1, N2, N3, N4, N5}, full, without_1},
      {{N0, N1}, only_1, {}},
      {{N0, N2}, only_2, only_2},
      {{N2, N4}, without_1, without_1},
      {{N1, N4}, full, without_1},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(minimal_graph(fake_workbench(), one.selected, true), one.forced) << testing::PrintToString(one.selected);
    EXPECT_EQ(minimal_graph(fake_workbench(), one.selected, false), one.not_forced) << testing::PrintToString(one.selected);
  }
}

TEST(Workbench, DG_2_is_planned_alike_as_a_project_of_its_computational_nodes) {
  test::World world;
  world.has_file("/tmp/some_file.txt", "content");
  world.node("N1", {test::file("in_1", "/tmp/some_file.txt"), test::literal("in_2", "2")});
  world.step(0).outputs = {{.port = "out_1", .kind = OutputKind::file, .name = "1"},
                           {.port = "out_2", .kind = OutputKind::file, .name = "2"}};
  world.node("N2", {test::from("in_1", 0, "out_1"), test::from("in_2", 0, "out_2")});
  world.node("N3", {test::file("in_1", "/tmp/some_file.txt"), test::literal("in_2", "2")});
  world.node("N4", {test::from("in_1", 1), test::from("in_2", 2)});
  world.succeed(0);

  const auto planned = [&](Nodes nodes, bool force) { return world.plan({.nodes = std::move(nodes), .force = force}).nodes; };
  EXPECT_EQ(planned({}, true), (Nodes{0, 1, 2, 3}));
  EXPECT_EQ(planned({}, false), (Nodes{1, 2, 3}));
  EXPECT_EQ(planned({0}, true), (Nodes{0}));
  EXPECT_EQ(planned({0}, false), (Nodes{}));
  EXPECT_EQ(planned({1}, true), (Nodes{1}));
  EXPECT_EQ(planned({1}, false), (Nodes{1}));
  EXPECT_EQ(planned({1, 3}, true), (Nodes{1, 2, 3}));
  EXPECT_EQ(planned({1, 3}, false), (Nodes{1, 2, 3}));
  EXPECT_EQ(planned({0, 3}, true), (Nodes{0, 1, 2, 3}));
  EXPECT_EQ(planned({0, 3}, false), (Nodes{1, 2, 3}));
}

TEST(Workbench, DG_3_may_hold_a_cycle_of_dynamic_nodes_beside_computational_ones) {
  Workbench workbench(4);
  workbench[0] = {.kind = interactive, .input_nodes = {1}, .linked = {1}};
  workbench[1] = {.kind = interactive, .input_nodes = {0}, .linked = {0}};
  workbench[2] = sleeper({});
  workbench[3] = sleeper({});
  const MinimalGraph both{.nodes = {2, 3}, .successors = {{}, {}}};
  EXPECT_EQ(minimal_graph(workbench, {}, false), both);
  EXPECT_EQ(minimal_graph(workbench, {}, true), both);
}

TEST(Workbench, DG_4_computes_what_a_cycle_of_dynamic_nodes_feeds) {
  Workbench workbench(3);
  workbench[0] = {.kind = interactive, .has_outputs = true, .input_nodes = {1}, .linked = {1}};
  workbench[1] = {.kind = interactive, .has_outputs = true, .input_nodes = {0}, .linked = {0}};
  workbench[2] = sleeper({0});
  EXPECT_EQ(minimal_graph(workbench, {}, false), (MinimalGraph{.nodes = {2}, .successors = {{}}}));
  EXPECT_EQ(minimal_graph(workbench, {2}, false), (MinimalGraph{.nodes = {2}, .successors = {{}}}));
}

/// Nodes 1, 2, 3 of DG-5 are 0, 1, 2 here; `successors` by node, the first `dynamic` of them dynamic.
Lists cycles_of(const Lists& successors, std::size_t dynamic) {
  Workbench workbench(successors.size());
  for (Index i = 0; i < successors.size(); ++i) {
    workbench[i].kind = i < dynamic ? interactive : computational;
    for (const auto next : successors[i]) workbench[next].input_nodes.push_back(i);
  }
  auto cycles = computational_cycles(workbench, 100);
  std::ranges::sort(cycles);
  return cycles;
}

TEST(Workbench, DG_5_names_the_cycles_that_hold_a_computational_node) {
  const Lists triangle{{1}, {2}, {0}};
  EXPECT_EQ(cycles_of({}, 0), Lists{});
  EXPECT_EQ(cycles_of({{1, 2}, {2}, {}}, 0), Lists{});
  EXPECT_EQ(cycles_of(triangle, 0), (Lists{{0, 1, 2}}));
  EXPECT_EQ(cycles_of({{1}, {2, 0}, {0}}, 0), (Lists{{0, 1}, {0, 1, 2}}));
  EXPECT_EQ(cycles_of(triangle, 1), (Lists{{0, 1, 2}}));
  EXPECT_EQ(cycles_of(triangle, 2), (Lists{{0, 1, 2}}));
  EXPECT_EQ(cycles_of(triangle, 3), Lists{});
}

TEST(Workbench, of_a_computational_cycle_computes_nothing) {
  Workbench workbench{sleeper({1}), sleeper({0}), sleeper({})};
  EXPECT_EQ(outdated(workbench), std::nullopt);
  EXPECT_EQ(minimal_graph(workbench, {}, false), MinimalGraph{});
  EXPECT_EQ(minimal_graph(workbench, {2}, true), MinimalGraph{});
}

TEST(Outdated, is_modified_by_state_outputs_or_hash) {
  WorkbenchNode good{.state = State::success, .has_outputs = true, .hash_is_current = true};
  const auto modified = [](const WorkbenchNode& node) { return outdated({node})->front().modified; };
  EXPECT_FALSE(modified(good));
  for (const auto state : {State::unknown, State::not_started, State::published, State::pending, State::waiting_for_cluster,
                           State::waiting_for_resources, State::started}) {
    good.state = state;
    EXPECT_FALSE(modified(good)) << to_text(state);
  }
  for (const auto state : {State::aborted, State::failed}) {
    good.state = state;
    EXPECT_TRUE(modified(good)) << to_text(state);
  }
  good.state.reset();
  EXPECT_TRUE(modified(good));
  EXPECT_TRUE(modified({.state = State::success, .has_outputs = false, .hash_is_current = true}));
  EXPECT_TRUE(modified({.state = State::success, .has_outputs = true, .hash_is_current = false}));
}

TEST(Outdated, depends_on_linked_computational_nodes_that_are_outdated) {
  const auto states = *outdated(fake_workbench());
  EXPECT_EQ(states[N0], Outdated{});
  EXPECT_EQ(states[N1], Outdated{});  // its picker is a frontend node: never a dependency
  EXPECT_EQ(states[N2], (Outdated{.modified = true}));
  EXPECT_EQ(states[N3], (Outdated{.modified = true}));
  EXPECT_EQ(states[N4], (Outdated{.modified = true, .dependencies = {N2, N3}}));
  EXPECT_EQ(states[N5], Outdated{});  // nobody computes it
}

TEST(Outdated, is_handed_down_through_what_is_good_itself) {
  auto workbench = fake_workbench();
  for (const auto i : {N2, N3, N4}) workbench[i].has_outputs = workbench[i].hash_is_current = true;
  EXPECT_EQ(minimal_graph(workbench, {}, false), MinimalGraph{});
  workbench[N1].state = State::failed;
  const auto states = *outdated(workbench);
  EXPECT_EQ(states[N2], (Outdated{.modified = false, .dependencies = {N1}}));
  EXPECT_EQ(states[N4], (Outdated{.modified = false, .dependencies = {N2}}));
  EXPECT_EQ(minimal_graph(workbench, {}, false).nodes, (Nodes{N1, N2, N4}));
}

TEST(MinimalGraph, does_not_look_through_nodes_that_nobody_computes) {
  // 0 computational -> 1 dynamic -> 2 computational
  Workbench workbench{sleeper({}), {.kind = interactive, .input_nodes = {0}, .linked = {0}}, sleeper({1})};
  workbench[2].has_outputs = workbench[2].hash_is_current = true;
  EXPECT_EQ(minimal_graph(workbench, {}, false).nodes, (Nodes{0}));
  // A selection walks up the complete graph, past the dynamic node.
  EXPECT_EQ(minimal_graph(workbench, {2}, false).nodes, (Nodes{0}));
  EXPECT_EQ(minimal_graph(workbench, {2}, true), (MinimalGraph{.nodes = {0, 2}, .successors = {{}, {}}}));
  EXPECT_EQ(minimal_graph(workbench, {1}, true).nodes, (Nodes{0}));
}

}  // namespace
}  // namespace baton::core
